import hudson.AbortException
import harness.Build
import harness.Controller
import harness.World
import org.junit.After
import org.junit.Before
import org.junit.Test

/** Every Jenkinsfile that users are shown is run as it stands, with the real command line. */
class ExamplesTest {

    static final Map YES = [verdict: 'approve', comment: '', approver: 'grace']

    World world

    @Before void begin() { world = new World() }

    @After void end() { world.close() }

    private static String example(String name) {
        new File(World.LIBRARY, "examples/pipelines/${name}.Jenkinsfile").text
    }

    @Test void the_readme_s_first_pipeline() {
        String readme = new File(World.LIBRARY, 'README.md').text
        String first = (readme =~ /(?s)```groovy\n(.*?)```/)[0][1]
        world.run(first, [answers: [YES]])
        assert World.ask(world.productionPort).version == '1.0.0'
    }

    @Test void one_step() {
        world.run(example('one-step'), [answers: [YES]])
        assert World.ask(world.productionPort).version == '1.0.0'
        assert world.last.inputs*.held == [null]
        assert world.last.result == 'SUCCESS'
    }

    @Test void declarative() {
        Controller controller = world.controller([answers: [YES]])
        controller.build.parameters = [reason: 'first']
        controller.run(example('declarative'))
        assert World.ask(world.productionPort).version == '1.0.0'
        assert controller.build.inputs*.held == [null]
        assert controller.build.named('sh').size() > 6
        assert controller.agents*.free == [1]
    }

    @Test void declarative_tells_who_broke_it() {
        world.credentials.mail = [kind: 'usernamePassword', user: 'mailer', password: 'mail-secret-1']
        world.set('params.yaml', 'quality: 5', 'quality: 0')
        world.commit('Break it')
        Build broken = failing(example('declarative'))
        assert broken.result == 'FAILURE'
        assert broken.log.contains('[sh] model-devops notify')
        assert broken.log.contains('tiny 1.0.0')
        assert !broken.log.contains('mail-secret-1')
    }

    @Test void declarative_on_another_branch_ends_in_the_test_environment() {
        World.git(world.work, 'checkout', '--quiet', '-b', 'feature')
        world.set('params.yaml', 'quality: 5', 'quality: 6')
        world.commit('Try')
        Controller controller = world.controller()
        controller.build.env.BRANCH_NAME = 'feature'
        controller.run(example('declarative'))
        assert World.ask(world.testPort).version.startsWith('1.0.0-')
        assert World.ask(world.productionPort) == null
        assert controller.build.inputs == []
    }

    @Test void scripted_with_a_parameter_and_a_missed_gate() {
        Controller controller = world.controller([answers: [YES]])
        controller.build.parameters = [quality: '4']
        controller.run(example('scripted'))
        assert World.ask(world.productionPort).version == '1.0.0'

        Controller missed = world.controller()
        missed.build.parameters = [quality: '2']
        missed.run(example('scripted'))
        assert missed.build.result == 'UNSTABLE'
        assert World.ask(world.testPort).version == '1.0.0'
    }

    @Test void monorepo_at_the_same_time() {
        ['fraud', 'churn'].each { name ->
            File folder = new File(world.work, "models/${name}")
            folder.mkdirs()
            world.work.eachFile { file -> if (file.file) { new File(folder, file.name).bytes = file.bytes } }
            File yaml = new File(folder, 'model.yaml')
            yaml.text = yaml.text.replace('name: tiny', "name: ${name}")
                .replace("${world.testPort}", "${World.freePort()}").replace("${world.productionPort}", "${World.freePort()}")
        }
        world.commit('Two models')
        world.agent('agent two').env.HOME = world.agents[0].env.HOME  // both see one store
        world.run(example('monorepo'))
        assert world.last.log.contains('fraud 1.0.0, churn 1.0.0')
        assert world.last.displayName.contains('fraud 1.0.0') && world.last.displayName.contains('churn 1.0.0')
    }

    @Test void rollback_in_a_job_of_its_own() {
        world.run(example('one-step'), [answers: [YES]])
        world.set('params.yaml', 'quality: 5', 'quality: 6')
        world.commit('Next')
        world.run(example('one-step'), [answers: [YES]])
        assert World.ask(world.productionPort).version == '1.0.1'
        Map settings = [environment: 'production', version: '', reason: 'slow']
        Controller dry = world.controller()
        dry.build.job = 'team/rollback'
        dry.build.parameters = settings + [dryRun: true]
        dry.run(example('rollback'))
        assert World.ask(world.productionPort).version == '1.0.1'
        Controller real = world.controller()
        real.build.job = 'team/rollback'
        real.build.parameters = settings + [dryRun: false]
        real.run(example('rollback'))
        assert World.ask(world.productionPort).version == '1.0.0'
        assert failing(example('one-step'), [answers: [YES]]).log.contains('rolled it back')
    }

    @Test void the_rollback_job_that_the_command_line_installs() {
        world.run(example('one-step'), [answers: [YES]])
        world.set('params.yaml', 'quality: 5', 'quality: 6')
        world.commit('Next')
        world.run(example('one-step'), [answers: [YES]])
        Controller job = world.controller()
        job.build.job = 'team/tiny-rollback'
        job.build.parameters = [environment: 'production', version: '', reason: 'slow', dry_run: false]
        job.run(installedRollback())
        assert World.ask(world.productionPort).version == '1.0.0'
        List choices = job.build.jobProperties.find { it.symbol == 'parameters' }.value
        assert choices.find { it.name == 'version' }.choices == ['', 'test 1.0.0']  // production just left 1.0.1, which is blocked there
        assert choices.find { it.name == 'environment' }.choices == ['test', 'production']
        Controller slip = world.controller()
        slip.build.job = 'team/tiny-rollback'
        slip.build.parameters = [environment: 'production', version: 'test 1.0.0', reason: 'slow', dry_run: false]
        try {
            slip.run(installedRollback())
            assert false : 'a version of another environment was taken'
        } catch (AbortException expected) {
            assert expected.message.contains('1.0.0 was chosen from what test can go back to, and production is to go back')
        }
        Controller other = world.controller()
        other.build.job = 'team/tiny-rollback'
        other.build.parameters = [environment: 'test', version: 'test 1.0.0', reason: 'slow', dry_run: false]
        other.run(installedRollback())
        assert World.ask(world.testPort).version == '1.0.0'
    }

    /** The script in the job that `model-devops jenkins install` makes. */
    private String installedRollback() {
        String program = """
            import xml.etree.ElementTree as ET
            from model_devops.jenkins.jobs import Source, rollback
            source = Source('${world.remote.path}', 'main', 'Jenkinsfile')
            job = rollback('tiny', source, 'model.yaml', ['test', 'production'], 'model-devops', '')
            print(ET.fromstring(job).findtext('definition/script'))
        """.stripIndent()
        Process process = [new File(World.LIBRARY, '.venv/bin/python').path, '-c', program].execute()
        String script = process.text
        assert process.waitFor() == 0 : process.err.text
        return script
    }

    @Test void the_project_s_own_pipeline() {
        File bin = new File(world.root, 'bin')
        bin.mkdirs()
        File make = new File(bin, 'make')
        make.text = """#!/bin/sh
            echo "make \$*, all: \${MODEL_DEVOPS_TEST_ALL:-no}" >> '${world.root}/made'
            mkdir -p resources/org/modeldevops .venv/bin && touch resources/org/modeldevops/cli.json
            printf '#!/bin/sh\\necho 0.1.0\\n' > .venv/bin/python
            chmod +x .venv/bin/python
        """.stripIndent().trim()
        make.executable = true
        world.agents[0].env.PATH = "${bin}:${world.agents[0].env.PATH}".toString()
        String own = new File(World.LIBRARY, 'Jenkinsfile').text
        world.run(own)
        assert new File(world.root, 'made').readLines() == ['make lint types, all: no', 'make test, all: 1', 'make wheel, all: no']
        Controller tagged = world.controller()
        tagged.build.env.TAG_NAME = 'v0.1.0'
        tagged.run(own)
        Controller wrong = world.controller()
        wrong.build.env.TAG_NAME = 'v9.9.9'
        try {
            wrong.run(own)
            assert false : 'a tag that is not the version was released'
        } catch (AbortException expected) {
            assert expected.message.contains('exit code 1')
        }
    }

    private Build failing(String pipeline, Map settings = [:]) {
        Controller controller = world.controller(settings)
        controller.build.parameters = [reason: '']
        try {
            controller.run(pipeline)
        } catch (AbortException expected) {
            return controller.build
        }
        assert false : "it did not fail: $controller.build.log"
    }

}
