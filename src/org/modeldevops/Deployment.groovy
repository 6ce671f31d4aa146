package org.modeldevops

/** Runs a verb that changes an environment, inside Jenkins' own lock and milestone where these are asked for. */
class Deployment {

    /** `lock` names a lockable resource; `milestone` is its number, passed inside the lock so that no older build is last. */
    static Map run(Object steps, String step, String verb, Map args) {
        String lock = args.lock ?: ''
        Object milestone = args.milestone
        Map given = [:] + args
        given.remove('lock')
        given.remove('milestone')
        Closure work = {
            if (milestone != null) {
                Optional.need(steps, "${step}: milestone", 'milestone', 'Pipeline: Milestone Step') {
                    steps.milestone(ordinal: milestone)
                }
            }
            new Cli(steps).run(step, verb, given)
        }
        if (!lock) {
            return (Map) work()
        }
        return (Map) Optional.need(steps, "${step}: lock", 'lock', 'Lockable Resources') {
            steps.lock(resource: lock) { work() }
        }
    }

}
