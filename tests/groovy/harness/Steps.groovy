package harness

import com.cloudbees.groovy.cps.Outcome
import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** The steps of the pipeline suite, the Credentials Binding plugin and a few optional ones, doing what they do. */
class Steps {

    static final Set<String> SYMBOLS = ['string', 'text', 'choice', 'booleanParam', 'file', 'usernamePassword',
        'sshUserPrivateKey', 'parameters', 'disableConcurrentBuilds', 'buildDiscarder', 'logRotator'] as Set
    static final Set<String> KNOWN = ['echo', 'error', 'unstable', 'sh', 'writeFile', 'readFile', 'fileExists', 'pwd', 'isUnix',
        'deleteDir', 'dir', 'withEnv', 'withCredentials', 'node', 'stage', 'timeout', 'input', 'parallel', 'catchError', 'retry',
        'junit', 'archiveArtifacts', 'publishHTML', 'lock', 'milestone', 'libraryResource', 'checkout', 'git', 'properties',
        'pipeline', 'agent', 'stages', 'steps', 'post', 'when', 'environment', 'options', 'script', 'expression', 'branch',
        'matrix', 'axes', 'axis', 'name', 'values', 'label', 'library', 'always', 'success', 'failure', 'aborted', 'fixed', 'cleanup',
        'skipDefaultCheckout'] as Set
    private static final Set<String> POST = ['always', 'success', 'failure', 'aborted', 'fixed', 'cleanup'] as Set

    private final Controller controller
    private final Build build

    Steps(Controller controller) {
        this.controller = controller
        this.build = controller.build
    }

    /** A describable: `choice(…)` and its like are data, not steps. */
    static Object symbol(String name, List args) { [symbol: name] + (args.find { it instanceof Map } ?: (args ? [value: args[0]] : [:])) }

    Object perform(Fiber fiber, StepCall call) {
        if (['options', 'parameters', 'triggers'].contains(fiber.context.blocks ? fiber.context.blocks[-1] : '')) { return null }
        Map args = call.named()
        return "${call.name}_"(fiber, args, call)
    }

    /** A block's end: its value, or what it throws. */
    Object finish(Fiber fiber) {
        Map block = fiber.block
        fiber.block = null
        String method = "end_${block.kind}"
        if (metaClass.respondsTo(this, method)) { return "$method"(fiber, block) }
        return replay(block)
    }

    private static Object replay(Map block) {
        Object last = null
        block.results.values().each { Outcome outcome -> last = outcome.replay() }
        return last
    }

    private static Bodies one(String kind, StepCall call, Context place, Map state = [:]) {
        new Bodies(kind: kind, bodies: [body: [call.body(), place]], state: state)
    }

    private static Context inside(Fiber fiber, String kind, Map changes = [:]) {
        fiber.context.with(changes + [blocks: fiber.context.blocks + kind])
    }

    private Agent on(Fiber fiber, String step) {
        Agent agent = controller.agents.find { it.name == fiber.context.agent }
        if (!agent) {
            throw new AbortException("Required context class hudson.FilePath is missing\nPerhaps you forgot to surround the ${step} step with a step that provides this, such as: node")
        }
        return agent
    }

    private File at(Fiber fiber, String path) {
        path.startsWith('/') ? new File(path) : new File(fiber.context.folder, path)
    }

    // ---- words

    Object echo_(Fiber f, Map a, StepCall c) { build.say("${a.message ?: a.value}"); null }

    Object error_(Fiber f, Map a, StepCall c) { throw new AbortException("${a.message ?: a.value}") }

    Object unstable_(Fiber f, Map a, StepCall c) { build.worsen('UNSTABLE'); build.say("${a.message ?: a.value}"); null }

    Object isUnix_(Fiber f, Map a, StepCall c) { on(f, 'isUnix'); true }

    Object properties_(Fiber f, Map a, StepCall c) { build.jobProperties = (List) a.value; null }

    // ---- files and processes

    Object pwd_(Fiber f, Map a, StepCall c) { on(f, 'pwd'); a.tmp ? "${f.context.folder}@tmp".toString() : f.context.folder }

    Object writeFile_(Fiber f, Map a, StepCall c) {
        on(f, 'writeFile')
        File file = at(f, a.file)
        file.parentFile.mkdirs()
        if (a.encoding == 'Base64') { file.bytes = a.text.decodeBase64() } else { file.setText(a.text, a.encoding ?: 'UTF-8') }
        return null
    }

    Object readFile_(Fiber f, Map a, StepCall c) {
        on(f, 'readFile')
        File file = at(f, a.file ?: a.value)
        if (!file.file) { throw new java.nio.file.NoSuchFileException(file.path) }
        return file.getText(a.encoding ?: 'UTF-8')
    }

    Object fileExists_(Fiber f, Map a, StepCall c) { on(f, 'fileExists'); at(f, a.file ?: a.value).exists() }

    Object deleteDir_(Fiber f, Map a, StepCall c) { on(f, 'deleteDir'); new File(f.context.folder).deleteDir(); null }

    Object dir_(Fiber f, Map a, StepCall c) {
        on(f, 'dir')
        File folder = at(f, a.path ?: a.value)
        folder.mkdirs()
        return one('dir', c, inside(f, 'dir', [folder: folder.path]))
    }

    Object sh_(Fiber f, Map a, StepCall c) {
        on(f, 'sh')
        return controller.shell.run(f.context, a)
    }

    Object libraryResource_(Fiber f, Map a, StepCall c) {
        String name = a.resource ?: a.value
        File file = controller.resources.collect { new File(it, name) }.find { it.file }
        if (!file) { throw new AbortException("No such library resource ${name} could be found.") }
        return a.encoding == 'Base64' ? file.bytes.encodeBase64().toString() : file.getText(a.encoding ?: 'UTF-8')
    }

    Object junit_(Fiber f, Map a, StepCall c) {
        assert !a.testResults.startsWith('/') : "Jenkins reads what is below the workspace only: ${a.testResults}"
        File file = at(f, a.testResults)
        if (!file.file) { assert a.allowEmptyResults; return null }
        def suites = new XmlSlurper().parse(file)
        build.junit << file.text
        if (suites.'**'.any { it.name() in ['failure', 'error'] }) { build.worsen('UNSTABLE') }
        return null
    }

    Object archiveArtifacts_(Fiber f, Map a, StepCall c) {
        assert !a.artifacts.startsWith('/') : "Jenkins archives what is below the workspace only: ${a.artifacts}"
        java.nio.file.Path base = new File(f.context.folder).toPath()
        java.nio.file.PathMatcher glob = java.nio.file.FileSystems.default.getPathMatcher("glob:${a.artifacts}")
        List found = []
        base.toFile().eachFileRecurse(groovy.io.FileType.FILES) { file ->
            if (glob.matches(base.relativize(file.toPath()))) { found << base.relativize(file.toPath()).toString() }
        }
        if (!found && !a.allowEmptyArchive) { throw new AbortException("No artifacts found that match ${a.artifacts}") }
        build.archived.addAll(found)
        return null
    }

    Object publishHTML_(Fiber f, Map a, StepCall c) { build.notes << "html ${a.target.reportFiles}".toString(); null }

    Object milestone_(Fiber f, Map a, StepCall c) { build.notes << "milestone ${a.ordinal}".toString(); null }

    Object checkout_(Fiber f, Map a, StepCall c) {
        on(f, 'checkout')
        controller.shell.git(f.context, a.repository, a.commit)
        return [GIT_COMMIT: a.commit]
    }

    Object git_(Fiber f, Map a, StepCall c) {
        on(f, 'git')
        controller.shell.git(f.context, a.url, "origin/${a.branch ?: 'master'}")
        return [GIT_BRANCH: "origin/${a.branch}".toString()]
    }

    // ---- blocks

    Object withEnv_(Fiber f, Map a, StepCall c) {
        List pairs = (List) (a.overrides ?: a.value)
        pairs.each { assert it instanceof String || it instanceof GString : "withEnv takes texts: $it" }
        Map variables = pairs.collectEntries { String pair = "$it"; [(pair.substring(0, pair.indexOf('='))): pair.substring(pair.indexOf('=') + 1)] }
        return one('withEnv', c, inside(f, 'withEnv', [variables: f.context.variables + variables]))
    }

    Object withCredentials_(Fiber f, Map a, StepCall c) {
        on(f, 'withCredentials')
        Map bound = [:]
        ((List) (a.bindings ?: a.value)).each { bound += new Secrets(controller).bind(f.context, (Map) it) }
        return one('withCredentials', c, inside(f, 'withCredentials', [variables: f.context.variables + bound]))
    }

    Object stage_(Fiber f, Map a, StepCall c) {
        String title = a.name ?: a.value
        build.say("[stage] ${title}")
        Map changes = [stages: f.context.stages + title]
        if (f.context.declarative) { changes.declarative = [stage: title] }
        return one('stage', c, inside(f, 'stage', changes))
    }

    Object timeout_(Fiber f, Map a, StepCall c) {
        assert a.time instanceof Number && a.time > 0
        assert a.unit in [null, 'SECONDS', 'MINUTES', 'HOURS', 'DAYS']
        one('timeout', c, inside(f, 'timeout'))
    }

    Object lock_(Fiber f, Map a, StepCall c) { build.notes << "lock ${a.resource}".toString(); one('lock', c, inside(f, 'lock')) }

    Object node_(Fiber f, Map a, StepCall c) {
        String wanted = a.label ?: a.value ?: ''
        Context place = allocate(f, wanted)
        return one('node', c, place, [agent: place.agent])
    }

    private Context allocate(Fiber fiber, String wanted) {
        List<Agent> fit = controller.agents.findAll { !wanted || it.name == wanted || wanted in it.labels }
        Agent agent = fit.find { it.free > 0 } ?: fit[0]
        assert agent : "no agent has the label $wanted"
        assert agent.free > 0 : "deadlock: ${agent.name} is busy, and held by this build"
        agent.free--
        File folder = new File(agent.root, "workspace/${build.job.replace('/', '_')}")
        folder.mkdirs()
        return inside(fiber, 'node', [agent: agent.name, workspace: folder.path, folder: folder.path])
    }

    private void release(String name) { controller.agents.find { it.name == name }.free++ }

    Object end_node(Fiber f, Map block) {
        release(block.state.agent)
        return replay(block)
    }

    Object input_(Fiber f, Map a, StepCall c) {
        build.inputs << ([held: f.context.agent] + a)
        assert controller.answers : "nobody answers: ${a.message}"
        Object answer = controller.answers.remove(0)
        if (answer instanceof Closure) { answer = answer() }
        if (answer instanceof Throwable) { throw answer }
        return answer
    }

    Object parallel_(Fiber f, Map a, StepCall c) {
        if (c.body()) { return one('sequence', c, inside(f, 'parallel')) }
        Map branches = a.findAll { it.value instanceof Closure }
        new Bodies(kind: 'parallel', bodies: branches.collectEntries { name, body -> [(name): [body, inside(f, 'parallel')]] })
    }

    Object end_parallel(Fiber f, Map block) {
        Map found = [:]
        block.results.each { name, Outcome outcome -> found[name] = outcome.replay() }
        return found
    }

    Object catchError_(Fiber f, Map a, StepCall c) { one('catchError', c, inside(f, 'catchError'), [result: a.buildResult ?: 'FAILURE']) }

    Object end_catchError(Fiber f, Map block) {
        Outcome outcome = (Outcome) block.results.body
        if (!outcome.isFailure()) { return outcome.normal }
        if (outcome.abnormal instanceof FlowInterruptedException) { throw outcome.abnormal }
        build.worsen(block.state.result)
        return null
    }

    Object retry_(Fiber f, Map a, StepCall c) { one('retry', c, inside(f, 'retry'), [left: a.count ?: a.value, call: c]) }

    Object end_retry(Fiber f, Map block) {
        Outcome outcome = (Outcome) block.results.body
        if (!outcome.isFailure() || outcome.abnormal instanceof FlowInterruptedException || block.state.left <= 1) { return outcome.replay() }
        return one('retry', block.state.call, inside(f, 'retry'), [left: block.state.left - 1, call: block.state.call])
    }

    // ---- declarative pipelines, as far as the examples use them

    Object pipeline_(Fiber f, Map a, StepCall c) { one('pipeline', c, inside(f, 'pipeline', [declarative: [stage: null]])) }

    Object agent_(Fiber f, Map a, StepCall c) {
        if (a.value == 'none') { return null }
        take(f, a.value == 'any' ? '' : (a.label ?: ''))
        return null
    }

    private void take(Fiber f, String label) {
        Context place = allocate(f, label)
        f.context = f.context.with([agent: place.agent, workspace: place.workspace, folder: place.folder])
        f.context.declarative.agent = place.agent
        if (controller.repository) { controller.shell.git(f.context, controller.repository, controller.commit) }
    }

    Object stages_(Fiber f, Map a, StepCall c) {
        Map cells = (Map) f.context.declarative.cells
        if (!cells) { return one('stages', c, inside(f, 'stages')) }
        new Bodies(kind: 'stages', bodies: cells.collectEntries { name, variables ->
            [(name): [c.body(), inside(f, 'cell', [variables: f.context.variables + variables, declarative: [stage: name]])]]
        })
    }

    Object end_stages(Fiber f, Map block) { keep(f, block) }

    Object steps_(Fiber f, Map a, StepCall c) {
        if (f.context.declarative.skip) { return null }
        one('steps', c, inside(f, 'steps'))
    }

    Object end_steps(Fiber f, Map block) { keep(f, block) }

    /** A failure waits until `post` has run. */
    private Object keep(Fiber f, Map block) {
        Outcome bad = (Outcome) block.results.values().find { it.isFailure() }
        if (bad) {
            build.worsen(bad.abnormal instanceof FlowInterruptedException ? 'ABORTED' : 'FAILURE')
            f.context.declarative.failure = bad.abnormal
        }
        return null
    }

    Object post_(Fiber f, Map a, StepCall c) { one('post', c, inside(f, 'post')) }

    Object methodMissing(String name, Object args) {
        String step = name - ~/_$/
        if (!(step in POST)) { throw new MissingMethodException(name, getClass(), (Object[]) args) }
        Fiber f = (Fiber) ((List) args)[0]
        String now = build.result ?: 'SUCCESS'
        boolean fixed = step == 'fixed' && now == 'SUCCESS' && build.previous && build.previous.result != 'SUCCESS'
        boolean fits = step in ['always', 'cleanup'] || fixed || step.toUpperCase() == now
        return fits ? one(step, (StepCall) ((List) args)[2], inside(f, step)) : null
    }

    Object when_(Fiber f, Map a, StepCall c) { one('when', c, inside(f, 'when', [declarative: [all: true]]), [:]) }

    Object expression_(Fiber f, Map a, StepCall c) { one('expression', c, inside(f, 'expression')) }

    Object end_expression(Fiber f, Map block) { condition(f, replay(block) ? true : false) }

    Object branch_(Fiber f, Map a, StepCall c) { condition(f, controller.environment(f.context).BRANCH_NAME == a.value) }

    Object environment_(Fiber f, Map a, StepCall c) {
        if (a.name) { return condition(f, controller.environment(f.context)[a.name] == a.value) }
        one('environment', c, inside(f, 'environment'))
    }

    private Object condition(Fiber f, boolean holds) {
        Fiber stage = controller.program.fibers[f.parent]
        if (!holds) { stage.context.declarative.skip = true }
        return null
    }

    Object options_(Fiber f, Map a, StepCall c) { one('options', c, inside(f, 'options')) }

    Object script_(Fiber f, Map a, StepCall c) { one('script', c, inside(f, 'script')) }

    Object library_(Fiber f, Map a, StepCall c) { null }

    Object matrix_(Fiber f, Map a, StepCall c) { one('matrix', c, inside(f, 'matrix', [declarative: [cells: [:], axes: [:]]])) }

    Object axes_(Fiber f, Map a, StepCall c) { one('axes', c, inside(f, 'axes')) }

    Object axis_(Fiber f, Map a, StepCall c) { one('axis', c, inside(f, 'axis', [declarative: f.context.declarative])) }

    Object name_(Fiber f, Map a, StepCall c) { f.context.declarative.axis = a.value; null }

    Object values_(Fiber f, Map a, StepCall c) {
        Map cells = (Map) f.context.declarative.cells
        String axis = f.context.declarative.axis
        List old = cells ? cells.values().toList() : [[:]]
        cells.clear()
        old.each { cell -> a.values.each { value -> Map all = cell + [(axis): value]; cells[all.values().join('-')] = all } }
        return null
    }

    /** The end of a declarative stage or pipeline: its agent is free again, and what failed in it fails it. */
    Outcome closed(Fiber body, Outcome outcome) {
        Map own = body.context.declarative
        if (!own || !(body.context.blocks && body.context.blocks[-1] in ['stage', 'pipeline', 'cell', 'matrix'])) { return outcome }
        if (own.agent) { release(own.agent) }
        return own.failure && !outcome.isFailure() ? new Outcome(null, own.failure) : outcome
    }

}
