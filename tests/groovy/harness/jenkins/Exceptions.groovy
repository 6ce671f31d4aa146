package org.jenkinsci.plugins.workflow.steps

/** As Jenkins': what `error` and failing steps throw, and what an abort is. */
class FlowInterruptedException extends InterruptedException {

    String result = 'ABORTED'

    FlowInterruptedException(String message) { super(message) }

}
