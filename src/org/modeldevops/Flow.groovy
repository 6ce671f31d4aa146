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
    private static final List<String> STAGES = ['check', 'build', 'test', 'approve', 'deploy', 'notify']
    private static final List<String> OF_EVERY_VERB = ['file', 'store']
    private static final List<String> KNOWN = STAGES + OF_EVERY_VERB + ['node', 'checkout', 'environments']

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
            beginning()
            environments()
        }
        String approved = null
        while (!open.isEmpty()) {
            String asking = (String) agents.with { deployUntilAsked(open, approved) }
            if (asking) {
                approve(asking)
            }
            approved = asking
        }
    }

    /** Deploys to one environment after the other, up to the one that a person has to be asked about: its name. */
    private String deployUntilAsked(List<String> open, String approved) {
        while (!open.isEmpty()) {
            if (open[0] != approved && needsApproval(open[0])) {
                return open[0]
            }
            deploy(open.remove(0))
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

    private void approve(String environment) {
        stage('approve', "Approve for ${environment}") {
            Map own = [node: args.node ?: '', checkout: args.checkout, environment: environment]
            new Approval(steps).run(own + arguments('approve') + named())
        }
    }

    /** Whether the environment's policy wants an approval that is not there yet: the command line's word. */
    private boolean needsApproval(String environment) {
        Map request = shared() + named() + [environment: environment]
        Map plan = cli.attempt(Arguments.of(STEP, credentials() + request, [:]), 'plan')
        return missesApproval(plan)
    }

    @NonCPS
    private static boolean missesApproval(Map plan) {
        return ((List) (plan.conditions ?: [])).any { it['name'] == 'approval' && !it['holds'] }
    }

    /** The environments to deploy to, in their order: those named, else all of model.yaml that take this release. */
    private List<String> environments() {
        Map request = args.file ? [file: args.file] : [:]
        Map shown = cli.attempt(Arguments.of(STEP, request, [:]), 'config show')
        if (shown.exitCode != 0) {
            new Verdict(steps).conclude(Arguments.of(STEP, request, [:]), shown)
        }
        List<String> strange = unknown((List) shown.environments, args.environments)
        if (!strange.isEmpty()) {
            steps.error("${STEP}: environments: model.yaml has no ${strange.join(', ')}")
        }
        return taking((List) shown.environments, args.environments, release.prerelease ? true : false)
    }

    @NonCPS
    private static List<String> unknown(List all, Object named) {
        Collection names = named instanceof Map ? ((Map) named).keySet() : (List) (named ?: [])
        return names.collect { "${it}".toString() } - all.collect { "${it['name']}".toString() }
    }

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
        return args.subMap(OF_EVERY_VERB).findAll { it.value != null }
    }

    private Map credentials() {
        return args.subMap(new ArrayList(Credentials.TABLE.keySet())).findAll { it.value != null }
    }

    private void tell() {
        if (args.notify instanceof Map) {
            new Notice(steps).send([node: args.node ?: '', checkout: args.checkout] + shared() + (Map) args.notify)
        }
    }

    private void refuseWrong() {
        List found = problems(args)
        if (!found.isEmpty()) {
            steps.error("${STEP}: ${found.join('\n  ')}\n  allowed: ${(KNOWN + new ArrayList(Credentials.TABLE.keySet())).join(', ')}")
        }
    }

    /** All that is wrong with the arguments: a misspelt one would else mean the standard, unsaid. */
    @NonCPS
    private static List<String> problems(Map args) {
        List found = []
        for (Map.Entry entry in args.entrySet()) {
            String name = "${entry.key}".toString()
            String wanted = wanted(name, entry.value)
            if (!KNOWN.contains(name) && !Credentials.TABLE.containsKey(name)) {
                found.add("there is no argument ${name}".toString())
            } else if (wanted != null && entry.value != null) {
                found.add("${name} takes ${wanted}, not ${Arguments.shown(entry.value)}".toString())
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
        if (STAGES.contains(name)) {
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

}
