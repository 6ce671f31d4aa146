import com.cloudbees.groovy.cps.SandboxCpsTransformer
import com.cloudbees.groovy.cps.sandbox.SandboxInvoker
import harness.Controller
import harness.Results
import harness.World
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.junit.After
import org.junit.AfterClass
import org.junit.Before
import org.junit.Test
import sandbox.Gate
import sandbox.Lists
import sandbox.Answers

/** Every step, on every path that it can take, calls nothing that the sandbox refuses. */
class PathsTest {

    private static final Set<String> USED = new TreeSet()

    World world
    Answers cli
    Gate gate = new Gate(Lists.used())

    @Before void begin() {
        world = new World()
        world.transformer = SandboxCpsTransformer
        cli = new Answers(world)
        gate.register()
    }

    @After void end() {
        gate.unregister()
        USED.addAll(gate.used)
        world.close()
        assert gate.refused.isEmpty() : 'new calls: where lists/ has them, add them to signatures.txt; else the library has to do without'
    }

    /** Signatures that nothing uses would hide what the library needs. */
    @AfterClass static void all_that_is_listed_is_used() {
        List unused = Lists.used() - USED
        assert unused == []
    }

    /** Runs a pipeline in the sandbox, with what people answer; `more` changes the controller. */
    private Object run(String pipeline, List answers = [], Closure more = { }) {
        Controller controller = world.controller(invoker: new SandboxInvoker(), restarts: false)
        controller.resources = [Answers.resources, new File(World.LIBRARY, 'resources')]
        controller.answers.addAll(answers)
        more(controller)
        controller.run(pipeline)
    }

    private String failure(String pipeline, List answers = [], Closure more = { }) {
        try {
            assert false : "it should have failed, and came to ${run(pipeline, answers, more)}"
        } catch (IOException failed) {
            return failed.message
        }
    }

    // ---- one verb

    @Test void build_with_a_jobs_parameters() {
        cli.answer('build', 0, [new: true])
        Map found = (Map) run('node { modelBuild(params: params, reason: "a ${1} b") }', []) { it.build.parameters = [seed: 5, name: 'x'] }
        assert found.version == '1.0.0'
        assert cli.asked()[0].request == [param: [seed: 5, name: 'x'], reason: 'a 1 b']
        assert world.last.displayName == '#1 tiny 1.0.0'
        assert world.last.env.MODEL_NEW == 'true'
    }

    @Test void several_models_side_by_side() {
        cli.answer('build', 0)
        run('parallel(a: { node { modelBuild(file: "a/model.yaml") } }, b: { node { modelBuild(file: "b/model.yaml") } })', []) {
            it.agents.each { agent -> agent.free = 2 }
        }
        assert cli.asked()*.request.file.sort() == ['a/model.yaml', 'b/model.yaml']
    }

    @Test void a_call_that_is_wrong() {
        assert failure('node { modelBuild(kubeconfig: 5, unstable: "yes") }').startsWith('modelBuild: kubeconfig takes the ID')
        assert failure('modelBuild()').startsWith('modelBuild: it needs an agent')
    }

    @Test void a_refusal_with_all_that_the_command_line_says() {
        cli.answer('check', 2, [status: 'usage', error: [kind: 'usage', message: '2 problem(s) in the request', hint: 'read it', problems: [
            [message: 'no such key', file: 'model.yaml', line: 3, column: 4, allowed: ['a', 'b'], hint: 'did you mean a?'], [message: 'another'],
        ]]])
        String told = failure('node { modelCheck() }')
        assert told.contains('model.yaml:3:4: no such key')
        assert world.last.env.MODEL_FAILURE.contains('no such key')
    }

    @Test void a_failure_too_long_for_an_environment_value() {
        cli.answer('check', 3, [error: [kind: 'failed', message: 'm' * 9000, hint: null, problems: [[message: 'p' * 9000]]]])
        failure('node { modelCheck() }')
        assert world.last.env.MODEL_FAILURE.length() < 4000
    }

    @Test void each_way_to_end() {
        [[2, 'usage', 'FAILURE'], [3, 'failed', 'FAILURE'], [4, 'superseded', 'NOT_BUILT'], [130, 'interrupted', 'ABORTED']].each { code, kind, result ->
            cli = new Answers(world, "ending $code")
            cli.answer('test', (int) code, [error: [kind: kind, message: 'so', problems: [], hint: null]])
            failure('node { modelTest() }')
            assert world.last.result == result
        }
    }

    @Test void a_failed_test_that_only_makes_a_build_unstable() {
        cli.answer('test', 3)
        assert run('node { modelTest(unstable: true) }').exitCode == 3
        assert world.last.result == 'UNSTABLE'
    }

    @Test void no_result_another_result_and_a_cli_to_bring() {
        cli.answer('check', 9, null)
        cli.answer('check', 0, [exitCode: 3])
        cli.answer('check', 75, null)
        cli.answer('check', 0)
        assert failure('node { modelCheck() }').contains('no result')
        assert failure('node { modelCheck() }').contains('cut short')
        assert run('node { modelCheck() }').exitCode == 0
        assert new File(cli.asked()[3].folder, 'requirements.txt').exists()
    }

    @Test void an_abort() {
        cli.answer('test', 0)
        try {
            run('node { modelTest() }', []) {
                it.interrupt = { number, call -> call.name == 'sh' ? new FlowInterruptedException('stop') : null }
            }
            assert false
        } catch (FlowInterruptedException stopped) {
            assert world.last.result == 'ABORTED'
        }
    }

    @Test void a_restart_from_a_stage() {
        cli.answer('test', 0)
        run('node { modelTest() }', []) {
            it.build.causes << [_class: 'org.jenkinsci.plugins.pipeline.modeldefinition.causes.RestartDeclarativePipelineCause',
                                shortDescription: 'Restarted from build #1.234, stage Test']
        }
        assert new File(cli.asked()[0].folder, 'environment').text.contains('MODEL_DEVOPS_RESTARTED_FROM=http://localhost:8080/job/team/job/digits/1234/')
    }

    @Test void every_credential() {
        cli.answer('deploy', 0)
        run("""node { modelDeploy(environment: 'test', gitCredentials: 'p', gitSshKey: 'k', kubeconfig: 'f', registryCredentials: 'p',
            signingKey: 'f', signingKeyPassword: 's', webhook: 's', webhookSecret: 's', smtpCredentials: 'p') }""", []) {
            it.credentials.putAll([p: [kind: 'usernamePassword', user: 'u', password: 'pass word'], k: [kind: 'sshUserPrivateKey', user: 'u', key: 'K'],
                                   f: [kind: 'file', text: 'F'], s: [kind: 'string', text: 'S']])
        }
        String environment = new File(cli.asked()[0].folder, 'environment').text
        assert environment.contains('MODEL_DEVOPS_SMTP_PASSWORD=pass word')
    }

    @Test void reports_of_every_kind() {
        cli.answer('test', 0, [reports: [[kind: 'junit', path: 'r/t.xml', title: 'T'], [kind: 'html', path: 'r/p.html', title: 'P'],
            [kind: 'html', path: 'q.html', title: 'Q'], [kind: 'text', path: 'gone.txt', title: 'G']]],
            ['r/t.xml': '<testsuite/>', 'r/p.html': '<p>', 'q.html': '<p>'])
        run('node { modelTest() }')
        assert world.last.archived == ['r/t.xml', 'r/p.html', 'q.html']
        assert world.last.notes == ['html p.html', 'html q.html']
        run('node { modelTest() }', []) { it.missing.addAll(['publishHTML', 'junit']) }
        assert world.last.log.contains('the plugin HTML Publisher is not installed')
    }

    @Test void locks_and_milestones() {
        cli.answer('deploy', 0, [revision: [number: 3]])
        cli.answer('rollback', 0, [environment: 'production', revision: [number: 4]])
        run('node { modelDeploy(environment: "test", lock: "test", milestone: 1) }')
        assert world.last.notes == ['lock test', 'milestone 1']
        run('node { modelRollback(environment: "production", to: "1.0.0", reason: "why") }')
        assert world.last.env.MODEL_REVISION == '4'
        assert failure('node { modelDeploy(environment: "test", lock: "test") }', []) { it.missing << 'lock' }.contains('Lockable Resources')
        assert failure('node { modelDeploy(environment: "test", milestone: 1) }', []) { it.missing << 'milestone' }.contains('Milestone')
    }

    // ---- approval

    private static final List MISSING = [[name: 'tested', holds: true], [name: 'approval', holds: false]]

    @Test void an_approval() {
        cli.answer('plan', 4, [environment: 'production', conditions: MISSING, changes: ['weights: new']])
        cli.answer('approve', 0, [decision: 'approved'])
        Map found = (Map) run('modelApprove(environment: "production", submitter: "ops", reason: "x")',
            [[verdict: 'approve', comment: 'good ', approver: 'bob']])
        assert [found.approver, found.comment] == ['bob', 'good']
        assert cli.asked()[-1].request.release == Results.DIGEST
    }

    @Test void a_rejection_and_one_without_words() {
        cli.answer('plan', 4, [environment: 'production', conditions: MISSING])
        cli.answer('approve', 0, [decision: 'rejected'])
        assert failure('modelApprove(environment: "production")', [[verdict: 'reject', comment: 'bad', approver: 'bob']]).contains('bob: bad')
        assert failure('node { modelApprove(environment: "production") }', [[verdict: 'reject', comment: null, approver: 'bob']]).contains('no reason')
    }

    @Test void approvals_that_need_nobody_or_that_nobody_can_give() {
        cli.answer('plan', 0, [environment: 'production', conditions: [[name: 'approval', holds: true]]])
        assert run('modelApprove(environment: "production", checkout: { checkout scm })').exitCode == 0
        cli = new Answers(world, 'hopeless')
        cli.answer('plan', 4, [environment: 'production', conditions: [[name: 'tested', holds: false]]])
        failure('modelApprove(environment: "production")')
        assert failure('modelApprove(wrong: 1)').contains('environment is missing')
        String mixed = failure('modelApprove(environment: "production", message: { "x" }, checkout: "y", reason: { "z" })')
        assert mixed.contains('message takes a text, not a closure')
        assert mixed.contains('checkout takes a closure, not y')
        assert mixed.contains('reason takes no closure')
        assert world.last.inputs.isEmpty()
    }

    // ---- notification

    @Test void notices() {
        cli.answer('check', 3)
        cli.answer('notify', 0)
        cli.answer('notify', 2)
        cli.answer('notify', 1, null)
        assert run('node { catchError { modelCheck() }\n modelNotify(webhook: "s") }', []) { it.credentials.s = [kind: 'string', text: 'S'] }.exitCode == 0
        assert new File(cli.asked()[-1].folder, 'of.json').text.contains('check did not go well')
        assert run('modelNotify(checkout: { checkout scm })').exitCode == 2
        assert run('modelNotify()').summary.startsWith('nobody was told')
        assert run('modelNotify(kubeconfig: 5)').summary.startsWith('nobody was told')
    }

    // ---- the whole flow

    private void answers(Map build = [:]) {
        cli.answer('check', 0)
        cli.answer('build', 0, [release: Results.release(build)])
        cli.answer('test', 0)
        cli.answer('config show', 0, [environments: [[name: 'test', prereleases: true], [name: 'production', prereleases: false]]])
        cli.answer('plan', 0, [environment: 'test', conditions: []])
        cli.answer('plan', 4, [environment: 'production', conditions: MISSING])
        cli.answer('approve', 0)
        cli.answer('deploy', 0, [environment: 'production', revision: [number: 1]])
        cli.answer('rollback', 0)
        cli.answer('notify', 0)
    }

    @Test void the_whole_flow() {
        answers()
        run('modelPipeline(notify: [:], file: "model.yaml")', [[verdict: 'approve', comment: '', approver: 'bob']])
        assert cli.asked()*.verb == ['config-show', 'check', 'build', 'test', 'plan', 'deploy', 'plan', 'approve', 'deploy']
        assert world.last.result == 'SUCCESS'
    }

    @Test void the_flow_with_stages_of_the_users_own() {
        answers()
        run("""modelPipeline(check: false, build: [params: [a: 1]], test: { standard -> echo 'mine'; standard() },
            environments: [test: [reason: 'r'], production: { standard -> echo 'no' }], approve: false, node: 'agent one', checkout: { checkout scm })""")
        assert cli.asked()[1].request.param == [a: 1]
        assert world.last.log.contains('mine')
    }

    @Test void the_flow_of_a_pre_release() {
        answers([prerelease: true])
        run('modelPipeline(environments: ["test", "production"])')
        assert cli.asked()*.verb == ['config-show', 'check', 'build', 'test', 'plan', 'deploy']
    }

    @Test void the_flow_that_fails_and_is_mended() {
        cli = new Answers(world, 'failed')
        cli.answer('config show', 0, [environments: [[name: 'test', prereleases: true]]])
        cli.answer('check', 3)
        cli.answer('notify', 0)
        failure('modelPipeline(notify: [:])')
        assert cli.asked()*.verb == ['config-show', 'check', 'notify']
        assert failure('modelPipeline(environments: ["tets", "production"])').contains('no tets: did you mean test?')
        cli = new Answers(world, 'mended')
        answers()
        run('modelPipeline(notify: [:], environments: ["test"])')
        assert cli.asked()*.verb[-1] == 'notify'
        String wrong = failure('''modelPipeline(wrong: 1, stroe: 's', node: 5, checkout: 'x', build: [params: true, atLeast: 'x', force: 1, release: '1'],
            deploy: [lok: 'x', lock: 5], notify: [mailTo: [a: 1], format: 'slack'], environments: [test: false, production: [reason: { 'x' }]])''')
        assert wrong.startsWith('modelPipeline: there is no argument wrong')
        assert wrong.contains('deploy: there is no argument lok: did you mean lock?')
        assert failure('modelPipeline(environments: [5])').contains('environments takes names, not 5')
    }

    @Test void the_flow_rejected_or_stopped() {
        answers()
        failure('modelPipeline(notify: [:])', [[verdict: 'reject', comment: 'bad', approver: 'bob']])
        cli = new Answers(world, 'stopped')
        answers()
        try {
            run('modelPipeline(notify: [:])', [new FlowInterruptedException('stop')])
            assert false
        } catch (FlowInterruptedException stopped) {
            assert cli.asked()*.verb[-1] == 'plan'
        }
    }

}
