package hudson

/** As Jenkins': a failure that needs no stack trace. */
class AbortException extends IOException {

    AbortException(String message) { super(message) }

}
