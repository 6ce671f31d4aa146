import hudson.AbortException
import harness.Build
import harness.World
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.junit.After
import org.junit.Before
import org.junit.Test

/** From vars/ to the real command line and back, with a restart of the controller at every step. */
class StoryTest {

    static final String PIPELINE = "modelPipeline(approve: [submitter: 'grace'])"
    static final Map YES = [verdict: 'approve', comment: 'looks right', approver: 'grace']

    World world

    @Before void begin() { world = new World() }

    @After void end() { world.close() }

    private Build failing(String pipeline, Map settings = [:]) {
        try {
            world.run(pipeline, settings)
        } catch (AbortException | FlowInterruptedException expected) {
            return world.last
        }
        throw new AssertionError("it did not fail: $world.last.log")
    }

    @Test void a_bare_agent_gets_the_command_line_once_and_the_steps_return_plain_maps() {
        world.agents[0].env.XDG_CACHE_HOME = "${world.root}/homes/agent one/cache".toString()
        Map found = (Map) world.run('''
            Map found = [:]
            node {
                checkout scm
                found.checked = modelCheck()
                found.built = modelBuild()
                found.tested = modelTest()
                found.deployed = modelDeploy(environment: 'test')
            }
            found + [version: env.MODEL_VERSION, own: env.MODEL_TINY_RELEASE, isNew: env.MODEL_NEW]
        ''')
        String log = world.last.log
        assert log.count('installing model-devops') == 1
        assert [found.built.version, found.tested.digest] == ['1.0.0', found.built.digest]
        assert found.deployed.revision.status == 'verified'
        assert [found.version, found.own, found.isNew] == ['1.0.0', found.built.digest, 'true']
        assert World.ask(world.testPort).version == '1.0.0'
        assert world.last.displayName == '#1 tiny 1.0.0'
        assert world.last.description.readLines().contains('tiny 1.0.0 passed its test')
        assert world.last.junit.size() == 2
        assert world.last.archived.contains('.model-devops/reports/test.xml')
        assert !new File(world.root, 'agent one/workspace/team_digits@tmp/model-devops').list()
    }

    @Test void the_whole_story_through_one_step() {
        world.run(PIPELINE, [answers: [YES]])
        assert [World.ask(world.testPort).version, World.ask(world.productionPort).version] == ['1.0.0', '1.0.0']
        assert world.last.inputs*.held == [null]
        assert world.last.inputs[0].message.contains('tiny 1.0.0 for production?')
        assert world.last.inputs[0].submitter == 'grace'

        world.run(PIPELINE)  // unchanged: no new version, and nobody is asked again
        assert world.last.env.MODEL_NEW == 'false'
        assert world.last.inputs == []

        world.set('params.yaml', 'quality: 5', 'quality: 3')
        world.commit('Worse')
        Build worse = failing(PIPELINE)
        assert worse.result == 'FAILURE'
        assert worse.log.contains('modelTest: failed:')
        assert World.ask(world.testPort).version == '1.0.0'

        world.set('params.yaml', 'quality: 3', 'quality: 7')
        world.commit('Better')
        Build rejected = failing(PIPELINE, [answers: [YES + [verdict: 'reject', comment: 'takes sevens for ones']]])
        assert rejected.log.contains('tiny 1.0.2 was rejected by grace: takes sevens for ones')
        assert [World.ask(world.testPort).version, World.ask(world.productionPort).version] == ['1.0.0', '1.0.0']

        world.set('params.yaml', 'quality: 7', 'quality: 8')
        world.commit('Better still')
        world.run(PIPELINE, [answers: [YES]])
        assert World.ask(world.productionPort).version == '1.0.3'

        world.set('serve.py', 'ThreadingHTTPServer((os', 'NoSuchServer((os')
        world.commit('Break the server')
        Build broken = failing(PIPELINE)
        assert broken.log.contains('modelDeploy: restored:')
        assert broken.archived.any { it.startsWith('.model-devops/reports/deploy-test-') }
        assert World.ask(world.testPort).version == '1.0.3'

        Map back = (Map) world.run("node { checkout scm; modelRollback(environment: 'production', reason: 'slow') }")
        assert [back.revision.version, World.ask(world.productionPort).version] == ['1.0.0', '1.0.0']
    }

    @Test void an_aborted_training_is_cleaned_up_by_the_command_line_itself() {
        world.set('train.py', 'print("training"', 'print("seen", values["sleep"]')
        world.commit('Say more')
        Build aborted = failing('''
            node {
                checkout scm
                modelBuild(params: [sleep: 60])
            }
        ''', [abortWhen: { String log -> log.contains('seen 60') }])
        assert aborted.result == 'ABORTED'
        File workspace = new File(world.root, 'agent one/workspace/team_digits')
        assert World.git(workspace, 'status', '--porcelain') == ''
        assert World.git(world.work, 'ls-remote', '--tags', 'origin') == ''
        assert ((Map) world.run('node { checkout scm; modelBuild() }')).version == '1.0.0'
    }

    @Test void credentials_reach_git_and_none_of_the_teams_commands() {
        world.credentials.robot = [kind: 'usernamePassword', user: 'robot', password: 'hunter2-hunter2']
        world.set('train.py', 'print("training"', 'print(sorted(__import__("os").environ.items())')
        world.commit('Print the environment')
        world.run("node { checkout scm; modelBuild(gitCredentials: 'robot') }")
        String log = world.last.log
        assert log.contains("('JOB_NAME', 'team/digits')")
        assert !log.contains('MODEL_DEVOPS_GIT_USER')
        assert !log.contains('****')
    }

    @Test void B7_a_late_build_is_not_built() {
        String first = world.head()
        world.set('params.yaml', 'quality: 5', 'quality: 6')
        world.commit('Newer')
        world.run('node { checkout scm; modelBuild() }')
        Build late = failing('node { checkout scm; modelBuild() }', [commit: first])
        assert late.result == 'NOT_BUILT'
        assert late.log.contains('modelBuild: refused:')
    }

    @Test void B9_a_stage_that_is_restarted_takes_the_release_of_the_original_build() {
        world.run('node { checkout scm; modelBuild() }')
        world.builds = 1500
        world.run("node { checkout scm; modelBuild(params: [quality: 6]) }")
        Build again = world.controller().build
        again.causes << [_class: 'org.jenkinsci.plugins.pipeline.modeldefinition.causes.RestartDeclarativePipelineCause',
                         shortDescription: 'Restarted from build #1,501, stage Test']
        assert ((Map) harness.Controller.current.run('node { checkout scm; modelTest() }')).version == '1.0.1'
        Build unknown = failing('node { checkout scm; modelTest() }')
        assert unknown.log.contains('several releases were built from')
    }

    @Test void A1_the_word_of_jenkins_counts_and_only_for_whom_the_policy_names() {
        world.set('model.yaml', 'approval: {after: test}', 'approval: {after: test, by: [grace]}')
        world.commit('Let Grace decide')
        Build other = failing(PIPELINE, [answers: [YES + [approver: 'mallory']]])
        assert other.log.contains('mallory may not approve; allowed: grace')
        assert World.ask(world.productionPort) == null
        world.run(PIPELINE, [answers: [YES]])
        assert World.ask(world.productionPort).version == '1.0.0'
    }

    @Test void A2_an_environment_that_has_moved_on_while_a_person_thought_is_refused() {
        Closure meanwhile = {
            world.cli('stop', 'test')
            YES
        }
        Build build = failing("""
            node { checkout scm; modelBuild(); modelTest(); modelDeploy(environment: 'test') }
            modelApprove(environment: 'production')
        """, [answers: [meanwhile]])
        assert build.log.contains("modelApprove: refused: 1.0.0 can't be approved for production: test runs nothing now, not 1.0.0")
    }

}
