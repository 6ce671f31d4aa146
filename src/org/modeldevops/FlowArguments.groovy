package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** The arguments of modelPipeline, and those that it hands to its stages: all that is wrong is said before anything runs. */
class FlowArguments implements Serializable {

    static final List<String> OF_EVERY_VERB = ['file', 'store']
    private static final Map<String, String> STEPS = [
        check: 'modelCheck', build: 'modelBuild', test: 'modelTest', approve: 'modelApprove', deploy: 'modelDeploy',
        notify: 'modelNotify',
    ].asImmutable()
    /** What a step takes for itself and the command line doesn't know, by the step. */
    private static final Map<String, Map> OWN = [
        modelCheck: Cli.OWN, modelBuild: Cli.OWN, modelTest: Cli.OWN, modelApprove: Approval.DEFAULTS,
        modelDeploy: Deployment.OWN, modelNotify: Notice.DEFAULTS,
    ].asImmutable()

    /** The names of all arguments. */
    @NonCPS
    static List<String> names() {
        return new ArrayList(STEPS.keySet()) + OF_EVERY_VERB + ['node', 'checkout', 'environments'] +
            new ArrayList(Credentials.TABLE.keySet())
    }

    /** One line for each problem. `table` says what each step takes: resources/org/modeldevops/arguments.json. */
    @NonCPS
    static List<String> problems(Map args, Map table) {
        List found = []
        for (Map.Entry entry in args.entrySet()) {
            String name = "${entry.key}".toString()
            String wanted = wanted(name, entry.value)
            if (!names().contains(name)) {
                found.add("there is no argument ${meant(name, names())}".toString())
            } else if (wanted != null && entry.value != null) {
                found.add("${name} takes ${wanted}, not ${Arguments.shown(entry.value)}".toString())
            } else if (STEPS.containsKey(name) && entry.value instanceof Map) {
                found += ofStage(name, (Map) entry.value, STEPS[name], args, table)
            } else if (name == 'environments') {
                found += ofEnvironments(entry.value, args, table)
            }
        }
        return found
    }

    /** What an argument takes, where it was given something else. */
    @NonCPS
    private static String wanted(String name, Object value) {
        if (name == 'notify') {
            return value instanceof Map || value == false ? null : 'a map of arguments, or false'
        }
        if (STEPS.containsKey(name)) {
            return value instanceof Map || value instanceof Closure || value == false ? null : 'a map of arguments, a closure, or false'
        }
        if (name == 'environments') {
            return value instanceof Map || value instanceof List ? null : 'a list of names, or a map'
        }
        if (name == 'checkout') {
            return value instanceof Closure ? null : 'a closure'
        }
        return value instanceof CharSequence ? null : (Credentials.TABLE.containsKey(name) ? 'the ID of a credential' : 'a text')
    }

    /** A list holds names; a map holds, by name, further arguments of that rollout or a closure. */
    @NonCPS
    private static List<String> ofEnvironments(Object given, Map args, Map table) {
        List found = []
        if (given instanceof List) {
            List strange = ((List) given).findAll { !(it instanceof CharSequence) }
            return strange.collect { "environments takes names, not ${Arguments.shown(it)}".toString() }
        }
        for (Map.Entry entry in ((Map) (given ?: [:])).entrySet()) {
            String where = "environments: ${entry.key}".toString()
            if (entry.value instanceof Map) {
                found += ofStage(where, (Map) entry.value, 'modelDeploy', args, table)
            } else if (entry.value != null && !(entry.value instanceof Closure)) {
                found.add("${where} takes a map of arguments, or a closure, not ${Arguments.shown(entry.value)}".toString())
            }
        }
        return found
    }

    /** The arguments of one stage's step, without those that the flow itself decides. */
    @NonCPS
    private static List<String> ofStage(String where, Map given, String step, Map args, Map table) {
        List decided = (step == 'modelNotify' ? [] : ['environment']) + (args.build == false ? [] : ['release'])
        Map kinds = ((Map) table[step]).findAll { !decided.contains(it.key) }
        Arguments arguments = Arguments.of(step, given, OWN[step])
        List known = new ArrayList(kinds.keySet()) + new ArrayList(OWN[step].keySet()) + new ArrayList(Credentials.TABLE.keySet())
        List found = [] + arguments.problems
        for (Map.Entry entry in arguments.request.entrySet()) {
            String name = entry.key
            if (!kinds.containsKey(name)) {
                found.add("there is no argument ${meant(name, known)}".toString())
            } else if (entry.value != null && !fits(entry.value, "${kinds[name]}".toString())) {
                found.add("${name} takes ${kinds[name]}, not ${Arguments.shown(entry.value)}".toString())
            }
        }
        return found.collect { "${where}: ${it}".toString() }
    }

    @NonCPS
    private static String meant(String name, List<String> known) {
        String near = Names.near(name, known)
        return near ? "${name}: did you mean ${near}?".toString() : name
    }

    /** Whether the command line will take the value, as far as its kind is known (docs/steps.md). */
    @NonCPS
    private static boolean fits(Object value, String kind) {
        if (kind == 'true or false') {
            return value instanceof Boolean
        }
        if (kind.startsWith('one of ')) {
            return kind.substring('one of '.length()).split(', ').contains("${value}".toString())
        }
        boolean many = value instanceof Map || value instanceof Collection
        return !(value instanceof Boolean) && (!many || kind == 'a map' || (kind != 'a text' && !(value instanceof Map)))
    }

}
