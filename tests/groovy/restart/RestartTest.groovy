import harness.*
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.junit.After
import org.junit.Before
import org.junit.Test

/** Every step of every path is a restart point, and a point at which somebody may abort the build. */
class RestartTest {

    static final Map RELEASE = [name: 'tiny', version: '1.0.0', digest: 'sha256:' + 'a' * 64, prerelease: false]
    static final Map REVISION = [number: 3, status: 'verified']
    static final Map UNAPPROVED = [
        exitCode: 4, status: 'refused', environment: 'production', release: RELEASE, changes: ['release: nothing → 1.0.0'],
        conditions: [[name: 'tested', holds: true], [name: 'approval', holds: false]],
        error: [kind: 'refused', message: 'production does not take 1.0.0', problems: [], hint: null],
    ]
    static final Map RESULTS = [
        check: [reports: [[kind: 'text', path: 'log.txt', title: 'Log']]],
        build: [release: RELEASE, new: true, summary: 'tiny 1.0.0'],
        test: [release: RELEASE, reports: [[kind: 'junit', path: 'junit.xml', title: 'Tests']]],
        deploy: [release: RELEASE, revision: REVISION, environment: 'test'],
        rollback: [revision: REVISION, environment: 'production'],
        approve: [release: RELEASE],
        notify: [sent: ['mail']],
        plan: { Map request ->
            request.environment == 'production' ? UNAPPROVED : [release: RELEASE, environment: 'test', conditions: []]
        },
        'config show': [environments: [[name: 'test', prereleases: true], [name: 'production', prereleases: false]]],
    ]
    static final Map PATHS = [
        steps: '''
            node {
                checkout scm
                writeFile file: 'log.txt', text: 'x'
                writeFile file: 'junit.xml', text: '<testsuites/>'
                modelCheck()
                modelBuild(params: [lr: 0.1, name: "x ${1 + 1}"])
                modelTest(gitCredentials: 'git')
                modelDeploy(environment: 'test', lock: 'tiny', milestone: 1)
            }
        ''',
        whole: "modelPipeline(notify: [mailTo: ['team@example.org']], approve: [submitter: 'alice'])",
        approval: "modelApprove(environment: 'production', message: 'Is it good?')",
        rollback: "node { modelRollback(environment: 'production', to: '1.0.0', reason: 'slow') }",
        parallel: "parallel(a: { node('one') { modelBuild() } }, b: { node('two') { modelBuild(file: 'b/model.yaml') } })",
        notice: "modelNotify(mailTo: ['team@example.org'])",
    ]
    private static final Set CLEANING = ['fileExists', 'readFile', 'junit', 'archiveArtifacts', 'dir', 'deleteDir', 'echo']

    World world

    @Before void begin() {
        world = new World()
        world.agent('one')
        world.agent('two')
    }

    @After void end() { world.close() }

    private Map runPath(String name, Map settings = [:]) {
        Controller controller = world.controller(settings)
        controller.build.number = 1
        controller.credentials.git = [kind: 'usernamePassword', user: 'u', password: 'secret']
        controller.answers << [verdict: 'approve', comment: 'fine', approver: 'alice']
        Scripted shell = new Scripted(controller, RESULTS)
        Map seen = [controller: controller, build: controller.build, shell: shell]
        try {
            seen.value = controller.run(PATHS[name])
        } catch (AssertionError wrong) {
            throw wrong
        } catch (Throwable thrown) {
            seen.thrown = thrown
        }
        return seen
    }

    private static Map visible(Map seen) {
        [
            result: seen.build.result, name: seen.build.displayName, text: seen.build.description, env: seen.build.env,
            calls: seen.shell.calls.collect { [it.verb, it.request] }, value: "${seen.value}".toString(), thrown: "${seen.thrown}".toString(),
        ]
    }

    @Test void results_are_the_same_with_a_restart_at_every_step() {
        PATHS.keySet().each { name ->
            Map plain = runPath(name, [restarts: false])
            Map restarted = runPath(name)
            assert plain.thrown == null : "$name: $plain.thrown"
            assert restarted.controller.restarted == restarted.controller.suspensions
            assert restarted.controller.restarted > 5
            assert visible(restarted) == visible(plain)
        }
    }

    @Test void an_abort_at_any_step_passes_through_and_leaves_nothing_behind() {
        PATHS.keySet().each { name ->
            int all = runPath(name, [restarts: false]).controller.suspensions
            (1..all).each { at -> aborted(name, at, all) }
        }
    }

    private void aborted(String name, int at, int all) {
        FlowInterruptedException abort = new FlowInterruptedException("aborted at $at")
        Map seen = runPath(name, [restarts: false, interrupt: { int number, StepCall call -> number == at ? abort : null }])
        String where = "$name, step $at of $all: ${seen.build.steps[at - 1]}"
        assert seen.thrown.is(abort) : "$where: swallowed, it came to ${seen.thrown ?: seen.value}"
        assert seen.build.result == 'ABORTED' : where
        assert seen.controller.agents.every { it.free == 1 } : "$where: an agent is still held"
        List after = name == 'parallel' ? [] : seen.build.steps.drop(at)
        assert after.every { it.name in CLEANING } : "$where: then $after"
    }

}
