package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** Asks a person whether exactly this release may go to an environment, and records the answer as evidence (A). */
class Approval implements Serializable {

    private static final long serialVersionUID = 1L
    private static final String STEP = 'modelApprove'
    private static final int REFUSED = 4
    /** Arguments of the step itself; `time` and `unit` are those of Jenkins' `timeout`. */
    static final Map<String, Object> DEFAULTS = [
        submitter: '', message: '', time: 72, unit: 'HOURS', node: '', checkout: Closure,
    ].asImmutable()
    private static final List<String> REQUEST = ['environment', 'file', 'store', 'release', 'reason']

    private final Object steps
    private final Cli cli

    Approval(Object steps) {
        this.steps = steps
        this.cli = new Cli(steps)
    }

    /**
     * Asks and records. Fails the build where the release is rejected, or no answer could let it in. `known` is what
     * `plan` has just said to the same arguments.
     */
    Map run(Map args, Map known = null) {
        Arguments arguments = Arguments.of(STEP, args, DEFAULTS).only(REQUEST)
        if (!arguments.request.environment) {
            arguments.problems.add('environment is missing: which one is the release to go to?')
        }
        cli.refuseWrong(arguments)
        Agents agents = new Agents(steps, (String) arguments.own.node, arguments.own.checkout)
        if (agents.held()) {
            steps.echo("${STEP}: warning: an agent is held while a person decides. Give the stage `agent none`; " +
                'this step takes an agent by itself for the moments that it needs one.')
        }
        Map plan = known ?: (Map) agents.with { cli.attempt(planned(arguments), 'plan') }
        if (approved(plan)) {
            steps.echo("${STEP}: ${plan.release.name} ${plan.release.version} is approved for ${plan.environment} already")
        }
        if (approved(plan) || hopeless(plan)) {
            return new Verdict(steps).conclude(arguments, plan)
        }
        return record(arguments, agents, plan, ask(arguments, plan))
    }

    private Map record(Arguments arguments, Agents agents, Map plan, Map answer) {
        boolean reject = answer.verdict == 'reject'
        String said = "${answer.comment ?: ''}".trim()
        String comment = said ?: (reject ? 'no reason was given' : null)
        Map request = arguments.request + [release: plan.release.digest, reject: reject, comment: comment]
        Map result = (Map) agents.with {
            cli.attempt(arguments.asking(request), 'approve', ["MODEL_DEVOPS_APPROVER=${answer.approver}".toString()])
        }
        Map returned = new Verdict(steps).conclude(arguments, result) + [approver: answer.approver, comment: comment]
        if (reject) {
            new Verdict(steps).reject(arguments, result, "${answer.approver}: ${comment}")
        }
        return returned
    }

    private Map ask(Arguments arguments, Map plan) {
        Map question = question(arguments, plan) + [
            parameters: [
                steps.choice(name: 'verdict', choices: ['approve', 'reject'],
                    description: 'reject: no environment takes this release, and where it is being tried it is taken back'),
                steps.text(name: 'comment', defaultValue: '', description: 'Why. It is recorded with the verdict.'),
            ],
        ]
        return (Map) steps.timeout(time: arguments.own.time, unit: arguments.own.unit) { steps.input(question) }
    }

    @NonCPS
    private static Map question(Arguments arguments, Map plan) {
        String what = "${plan.release.name} ${plan.release.version} for ${plan.environment}?"
        List lines = [arguments.own.message ?: what] + ((List) (plan.changes ?: [])) + ["release ${plan.release.digest}"]
        Map found = [message: lines.join('\n'), ok: 'Record the verdict', submitterParameter: 'approver']
        return arguments.own.submitter ? found + [submitter: arguments.own.submitter] : found
    }

    @NonCPS
    private static Arguments planned(Arguments arguments) {
        return arguments.asking(arguments.request.findAll { it.key != 'reason' })
    }

    /** Whether somebody has said so already: then nobody is asked again. */
    @NonCPS
    private static boolean approved(Map plan) {
        return plan.exitCode == 0 && ((List) (plan.conditions ?: [])).any { it['name'] == 'approval' && it['holds'] }
    }

    /** Whether more than an approval is missing, so that no answer could let the release in. */
    @NonCPS
    private static boolean hopeless(Map plan) {
        if (plan.exitCode == 0) {
            return false
        }
        List unmet = ((List) (plan.conditions ?: [])).findAll { !it['holds'] }
        return plan.exitCode != REFUSED || unmet.isEmpty() || unmet.any { it['name'] != 'approval' }
    }

}
