package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/**
 * What a step was called with: some of it only Jenkins can use, the rest is the command line's request,
 * which checks it strictly.
 */
class Arguments implements Serializable {

    private static final long serialVersionUID = 1L

    final String step
    /** Credential IDs by argument, see Credentials. */
    final Map<String, String> credentials
    /** Arguments of the step itself, with their defaults. */
    final Map<String, Object> own
    /** What goes to the command line as it is. */
    final Map<String, Object> request
    /** What is wrong, one line each. */
    final List<String> problems
    /** What the request may hold, where the step itself decides that. */
    private final List<String> known

    private Arguments(String step, Map credentials, Map own, Map request, List problems, List known = []) {
        this.step = step
        this.credentials = credentials
        this.own = own
        this.request = request
        this.problems = problems
        this.known = known
    }

    /**
     * Takes a step's arguments apart. `defaults` holds the step's own ones: a value's type is that of its default,
     * and `Closure` stands for a closure that need not be given.
     */
    @NonCPS
    static Arguments of(String step, Map args, Map defaults) {
        Map credentials = [:]
        Map own = [:] + defaults
        Map request = [:]
        List problems = []
        for (Map.Entry entry in args.entrySet()) {
            String name = "${entry.key}".toString()
            Object value = entry.value
            if (Credentials.TABLE.containsKey(name)) {
                if (value instanceof CharSequence && !"${value}".trim().isEmpty()) {
                    credentials.put(name, "${value}".toString())
                } else if (value != null) {
                    problems.add("${name} takes the ID of a credential, not ${shown(value)}".toString())
                }
            } else if (defaults.containsKey(name)) {
                Object wanted = defaults[name]
                if (fits(value, wanted)) {
                    own.put(name, value instanceof CharSequence ? "${value}".toString() : value)
                } else if (value != null) {
                    problems.add("${name} takes ${kind(wanted)}, not ${shown(value)}".toString())
                }
            } else if (value instanceof Closure) {
                problems.add("${name} takes no closure".toString())
            } else {
                request.put(name, Json.plain(value))
            }
        }
        return new Arguments(step, credentials, own, request, problems)
    }

    /** The same arguments with another request. */
    Arguments asking(Map<String, Object> other) {
        return new Arguments(step, credentials, own, other, problems, known)
    }

    /** Adds a problem for each key of the request that is none of `known`: for steps that run several verbs. */
    @NonCPS
    Arguments only(List<String> known) {
        List strange = new ArrayList(request.keySet()).findAll { !known.contains(it) }
        List found = problems + strange.collect { "there is no argument ${it}".toString() }
        return new Arguments(step, credentials, own, request, found, known)
    }

    /** The names that this step takes for itself, for messages about unknown ones. */
    @NonCPS
    String ownNames() {
        return (known + new ArrayList(own.keySet()) + new ArrayList(Credentials.TABLE.keySet())).join(', ')
    }

    @NonCPS
    private static boolean fits(Object value, Object wanted) {
        if (wanted instanceof Class) {
            return value instanceof Closure
        }
        if (wanted instanceof Map) {
            return value instanceof Map
        }
        if (wanted instanceof Number) {
            return value instanceof Number
        }
        if (wanted instanceof Boolean) {
            return value instanceof Boolean
        }
        return value instanceof CharSequence
    }

    @NonCPS
    private static String kind(Object wanted) {
        if (wanted instanceof Class) {
            return 'a closure'
        }
        if (wanted instanceof Boolean) {
            return 'true or false'
        }
        if (wanted instanceof Number) {
            return 'a number'
        }
        return wanted instanceof Map ? 'a map' : 'a text'
    }

    @NonCPS
    static String shown(Object value) {
        if (value instanceof Closure) {
            return 'a closure' // which a text with it inside would call
        }
        String text = "${value}".toString()
        return text.length() > 60 ? text.substring(0, 60) + '…' : text
    }

}
