package org.modeldevops

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** Tells people how a build ended. Whatever goes wrong here never fails the build. */
class Notice implements Serializable {

    private static final long serialVersionUID = 1L
    private static final String STEP = 'modelNotify'
    static final Map<String, Object> DEFAULTS = [node: '', checkout: Closure].asImmutable()

    private final Object steps

    Notice(Object steps) {
        this.steps = steps
    }

    /** Sends what `model-devops notify` makes of the build so far. Returns its result, or a map with what went wrong. */
    Map send(Map args) {
        try {
            return sent(args)
        } catch (FlowInterruptedException aborted) {
            throw aborted
        } catch (Exception fault) {
            steps.echo("${STEP}: nobody was told: ${fault.message}")
            return [status: 'failed', summary: "nobody was told: ${fault.message}".toString()]
        }
    }

    private Map sent(Map args) {
        Arguments given = Arguments.of(STEP, args, DEFAULTS)
        Cli cli = new Cli(steps)
        cli.refuseWrong(given)
        Map result = (Map) new Agents(steps, (String) given.own.node, given.own.checkout).with {
            cli.attempt(given.asking(told() + given.request), 'notify', [], failure())
        }
        if (result.exitCode != 0) {
            steps.echo("${STEP}: nobody was told: ${result.error?.message}")
        }
        return result
    }

    /** What Jenkins knows of this build. */
    private Map told() {
        Object build = steps.currentBuild
        Map found = [status: build.currentResult, previous: build.previousBuild?.result]
        if (steps.env.GIT_PREVIOUS_SUCCESSFUL_COMMIT) {
            found.since = steps.env.GIT_PREVIOUS_SUCCESSFUL_COMMIT
        }
        return found
    }

    /** The step that failed, as it was kept for this: the file that `of` names. */
    private Map<String, String> failure() {
        String kept = steps.env.MODEL_FAILURE
        return kept ? [of: kept] : [:]
    }

}
