import harness.Declarative
import org.junit.Test

/** Declarative pipelines that are shown stand as Jenkins would take them; and what it would not take is found out. */
class DeclarativeTest {

    private static final File ROOT = new File(System.getProperty('library', '.')).absoluteFile

    private static String pipeline(String rest, String steps = 'modelBuild()') {
        "pipeline {\nagent any\nstages {\nstage('A') {\nsteps {\n$steps\n}\n}\n}\n$rest\n}"
    }

    private static List problems(String rest, String steps = 'modelBuild()') { Declarative.problems(pipeline(rest, steps)) }

    private static List stage(String inner) { Declarative.problems("pipeline {\nagent none\nstages {\nstage('A') {\n$inner\n}\n}\n}") }

    private static String withoutLine(List found) { found.join('; ').replaceAll(/line \d+: /, '') }

    @Test void pipelines_to_copy_and_our_own() {
        List files = new File(ROOT, 'examples/pipelines').listFiles().findAll { it.name.endsWith('Jenkinsfile') } + new File(ROOT, 'Jenkinsfile')
        assert files.count { it.text.contains('pipeline {') } > 1
        files.each { assert Declarative.problems(it.text) == [] : it.name }
    }

    @Test void parts_of_pipelines_in_the_docs() {
        List found = new File(ROOT, 'docs').listFiles().findAll { it.name.endsWith('.md') }.collectMany { page ->
            (page.text =~ /(?s)```groovy\n((?:post|agent|stage|environment|options|when) .*?)```/).collect { it[1] }
        }
        assert found.size() > 1
        found.each { String part ->
            String whole = part.startsWith('agent') ? pipeline('').replace('agent any', part) : pipeline(part)
            assert Declarative.problems(whole) == [] : part
        }
    }

    @Test void steps_in_every_way_that_declarative_takes_them() {
        ['modelBuild()', "modelBuild file: 'x', params: params", 'modelBuild params: [a: 1]', 'script { def built = modelBuild()\nif (built.version) { echo built.version } }',
         "dir('x') { modelTest unstable: true }", "withCredentials([string(credentialsId: 'a', variable: 'B')]) { modelTest() }",
         "modelPipeline(test: { standard -> def x = standard() })", "echo \"\${env.MODEL_VERSION}\"", "parallel(a: { modelTest() }, b: { modelCheck() })"].each {
            assert problems('', it) == [] : it
        }
    }

    @Test void blocks_around_the_steps() {
        assert problems('''environment { A = 'x'\nB = "${params.B}"\nC = credentials('c')\nD = 'a' + "b" }
            options { timeout(time: 1, unit: 'HOURS')\ndisableConcurrentBuilds() }
            parameters { string(name: 'B', defaultValue: '')\nbooleanParam(name: 'x') }
            triggers { cron('@daily') }
            post { always { modelNotify() }\ncleanup { deleteDir() } }''') == []
        assert stage('''agent { label 'x' }\ninput { message 'go?' }
            when { beforeAgent true\nallOf { branch 'main'\nnot { expression { def x = 1; x == 2 } } }\nenvironment name: 'MODEL_NEW', value: 'true' }
            steps { modelDeploy environment: 'test' }''') == []
        assert stage('''failFast true\nparallel { stage('B') { steps { modelTest() } }\nstage('C') { stages { stage('D') { steps { echo 'x' } } } } }''') == []
        assert stage('''matrix {
            axes { axis { name 'MODEL'\nvalues 'a', 'b' } }
            excludes { exclude { axis { name 'MODEL'\nnotValues 'a' } } }
            stages { stage('T') { steps { modelTest(file: "${MODEL}/model.yaml") } } } }''') == []
    }

    @Test void what_jenkins_would_refuse_in_steps() {
        ['def built = modelBuild()', 'built = modelBuild()', 'if (true) { modelBuild() }', 'modelBuild().version', "for (x in []) { echo 'x' }",
         "dir('x') { def y = modelBuild() }", 'env.A = 1'].each { step ->
            assert withoutLine(problems('', step)) == 'steps takes only calls of steps; all else stands in script { }' : step
        }
        assert withoutLine(problems('', "modelDeploy('test', reason: 'x')")) == 'modelDeploy mixes arguments with and without names'
        assert withoutLine(problems('', '')) == 'steps is empty'
    }

    @Test void what_jenkins_would_refuse_around_them() {
        Map wrong = [
            'environment { A = 5 }': 'the value of A is a text in quotes, or a call',
            'environment { A = params.x }': 'the value of A is a text in quotes, or a call',
            "environment { echo 'x' }": 'environment takes only NAME = value',
            "post { failed { echo 'x' } }": 'failed is nothing that post takes',
            'post { failure { } }': 'steps is empty',
            "post { always { def x = 1 } }": 'steps takes only calls of steps; all else stands in script { }',
            "when { branch 'x' }": 'when is nothing that pipeline takes',
            "parameters { number(name: 'x') }": 'number is no parameter',
            'agent any': 'agent stands twice in pipeline',
        ]
        wrong.each { rest, words -> assert withoutLine(problems(rest)) == words : rest }
        assert withoutLine(Declarative.problems("pipeline { stages { stage('A') { steps { echo 'x' } } } }")) == 'pipeline needs agent'
        assert withoutLine(Declarative.problems('pipeline { agent some\nstages { echo 1 } }')) == 'agent is any, none or a block, not some; stages takes only stage'
        assert withoutLine(stage("agent any")) == 'a stage has one of steps, stages, parallel, matrix'
        assert withoutLine(stage("steps { echo 'x' }\nstages { stage('B') { steps { echo 'x' } } }")) == 'a stage has one of steps, stages, parallel, matrix'
        assert withoutLine(stage("when { brunch 'x' }\nsteps { echo 'x' }")) == 'brunch is no condition'
        assert withoutLine(stage("when { not { brunch 'x' } }\nsteps { echo 'x' }")) == 'brunch is no condition'
        assert withoutLine(stage("matrix { stages { stage('B') { steps { echo 'x' } } } }")) == 'matrix needs axes'
        assert Declarative.problems("pipeline {\nagent any\nstages {\nstage(\"\$x\") { steps { echo 'x' } }\n} }") == ['line 4: a stage needs a name that is a text']
    }

}
