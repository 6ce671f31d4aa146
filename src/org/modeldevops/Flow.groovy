package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * The whole flow of a model: check, build, test, and for each environment of model.yaml in its order: approval,
 * where its policy asks for one, and rollout. Agents are held while they work and never while a person decides.
 */
class Flow implements Serializable {

    private static final long serialVersionUID = 1L
    private static final String STEP = 'modelPipeline'

    private final Object steps
    private final Cli cli
    private final Map args
    private final Agents agents
    /** `release` and `prerelease` once there is one. */
    private final Map release = [:]
    private Map last = [:]

    Flow(Object steps, Map args) {
        this.steps = steps
        this.args = [:] + args
        this.cli = new Cli(steps)
        this.agents = new Agents(steps, "${args.node ?: ''}".toString(), args.checkout)
    }

    /** Runs the flow. Returns the last step's map. A failure is told to the developer, and fails the build. */
    Map run() {
        refuseWrong()
        try {
            legs()
        } catch (FlowInterruptedException aborted) {
            throw aborted
        } catch (Exception fault) {
            steps.currentBuild.result = 'FAILURE' // which leaves worse ones as they are
            tell()
            throw fault
        }
        if (steps.currentBuild.previousBuild && steps.currentBuild.previousBuild.result != 'SUCCESS') {
            tell()
        }
        return last
    }

    /** Works on one agent as long as no person has to be asked; then asks, and goes on on another. */
    private void legs() {
        List<String> open = (List) agents.with {
            List all = environments()
            beginning()
            taking(all, args.environments, release.prerelease ? true : false)
        }
        boolean approved = false
        while (!open.isEmpty()) {
            Map plan = (Map) agents.with { deployUntilAsked(open, approved) }
            if (plan != null) {
                approve(open[0], plan)
            }
            approved = true
        }
    }

    /**
     * Deploys to one environment after the other; `approved` says that the first needs nobody's word any more. Ends
     * before the one that a person has to be asked about, and returns what would change there.
     */
    private Map deployUntilAsked(List<String> open, boolean approved) {
        boolean asked = approved
        while (!open.isEmpty()) {
            Map plan = asked ? [:] : plan(open[0])
            if (missesApproval(plan)) {
                return plan
            }
            deploy(open.remove(0))
            asked = false
        }
        return null
    }

    private void beginning() {
        stage('check', 'Check') { cli.run('modelCheck', 'check', arguments('check')) }
        Map built = stage('build', 'Build') { cli.run('modelBuild', 'build', Parameters.renamed(arguments('build'))) }
        if (built?.release) {
            release.release = built.release.digest
            release.prerelease = built.release.prerelease
        }
        stage('test', 'Test') { cli.run('modelTest', 'test', arguments('test') + named()) }
    }

    private void deploy(String environment) {
        Object change = args.environments instanceof Map ? args.environments[environment] : null
        Map given = arguments('deploy') + (change instanceof Map ? (Map) change : [:]) + named() + [environment: environment]
        stage('deploy', "Deploy to ${environment}") {
            Closure standard = { Deployment.run(steps, 'modelDeploy', 'deploy', given) }
            change instanceof Closure ? change.call(standard) : standard()
        }
    }

    /** The plan is some moments old, and `approve` looks again (A2); after work of the team's own it may be old. */
    private void approve(String environment, Map plan) {
        stage('approve', "Approve for ${environment}") {
            Map own = [node: args.node ?: '', checkout: args.checkout, environment: environment]
            new Approval(steps).run(own + arguments('approve') + named(), args.approve instanceof Closure ? null : plan)
        }
    }

    /** What would change in the environment, and what its policy misses: the command line's word. */
    private Map plan(String environment) {
        List taken = FlowArguments.OF_EVERY_VERB + ['release'] + new ArrayList(Credentials.TABLE.keySet())
        Map request = arguments('approve').subMap(taken) + named() + [environment: environment]
        return cli.attempt(Arguments.of(STEP, request, [:]), 'plan')
    }

    @NonCPS
    private static boolean missesApproval(Map plan) {
        return ((List) (plan.conditions ?: [])).any { it['name'] == 'approval' && !it['holds'] }
    }

    /** The environments of model.yaml. One that is named and isn't there is refused before anything is built. */
    private List environments() {
        Map request = args.file ? [file: args.file] : [:]
        Map shown = cli.attempt(Arguments.of(STEP, request, [:]), 'config show')
        if (shown.exitCode != 0) {
            new Verdict(steps).conclude(Arguments.of(STEP, request, [:]), shown)
        }
        List<String> strange = unknown((List) shown.environments, args.environments)
        if (!strange.isEmpty()) {
            steps.error("${STEP}: environments: ${strange.join('\n  ')}")
        }
        return (List) shown.environments
    }

    @NonCPS
    private static List<String> unknown(List all, Object named) {
        Collection names = named instanceof Map ? ((Map) named).keySet() : (List) (named ?: [])
        List known = all.collect { "${it['name']}".toString() }
        return (names.collect { "${it}".toString() } - known).collect { "model.yaml has no ${Names.missing(it, known)}".toString() }
    }

    /** Those to deploy to, in their order: those named, else all, and of them those that take this release. */
    @NonCPS
    private static List<String> taking(List all, Object named, boolean prerelease) {
        List fit = all.findAll { !prerelease || it['prereleases'] }.collect { "${it['name']}".toString() }
        return named instanceof List ? ((List) named).collect { "${it}".toString() }.findAll { fit.contains(it) } : fit
    }

    /** One stage: its standard work, that work with other arguments (a map), other work (a closure), or none (false). */
    private Map stage(String key, String title, Closure standard) {
        Object change = args[key]
        if (change == false) {
            return null
        }
        Object result = steps.stage(title) { change instanceof Closure ? change.call(standard) : standard() }
        if (result instanceof Map) {
            last = (Map) result
            return last
        }
        return null
    }

    private Map arguments(String key) {
        Object change = args[key]
        return credentials() + shared() + (change instanceof Map ? (Map) change : [:])
    }

    private Map named() {
        return release.release ? [release: release.release] : [:]
    }

    private Map shared() {
        return args.subMap(FlowArguments.OF_EVERY_VERB).findAll { it.value != null }
    }

    private Map credentials() {
        return args.subMap(new ArrayList(Credentials.TABLE.keySet())).findAll { it.value != null }
    }

    private void tell() {
        if (args.notify instanceof Map) {
            new Notice(steps).send([node: args.node ?: '', checkout: args.checkout] + shared() + (Map) args.notify)
        }
    }

    /** A misspelt argument would else mean the standard, unsaid, or be found only after the training. */
    private void refuseWrong() {
        String table = steps.libraryResource(resource: 'org/modeldevops/arguments.json', encoding: 'UTF-8')
        List found = FlowArguments.problems(args, Json.parse(table))
        if (!found.isEmpty()) {
            steps.error("${STEP}: ${found.join('\n  ')}\n  allowed: ${FlowArguments.names().join(', ')}")
        }
    }

}
