package org.modeldevops

/** Runs a verb that changes an environment, inside Jenkins' own lock and milestone where these are asked for. */
class Deployment implements Serializable {

    static final Map<String, Object> OWN = [lock: '', milestone: 0, unstable: false].asImmutable()

    /** `lock` names a lockable resource; `milestone` is its number, passed inside the lock so that no older build is last. */
    static Map run(Object steps, String step, String verb, Map args) {
        Arguments arguments = Arguments.of(step, args, OWN)
        Cli cli = new Cli(steps)
        cli.refuseWrong(arguments)
        Object milestone = args.milestone
        String lock = arguments.own.lock
        Closure work = {
            if (milestone != null) {
                Optional.need(steps, "${step}: milestone", 'milestone', 'Pipeline: Milestone Step') {
                    steps.milestone(ordinal: milestone)
                }
            }
            cli.run(arguments, verb)
        }
        if (!lock) {
            return (Map) work()
        }
        return (Map) Optional.need(steps, "${step}: lock", 'lock', 'Lockable Resources') {
            steps.lock(resource: lock) { work() }
        }
    }

}
