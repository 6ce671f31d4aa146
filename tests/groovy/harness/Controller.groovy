package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.Continuation
import com.cloudbees.groovy.cps.Envs
import com.cloudbees.groovy.cps.Outcome
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** A machine that steps run on. */
class Agent {

    String name
    Set<String> labels = []
    File root
    Map<String, String> env = [:]
    int free = 1

}

/** What a block step wants to have run: bodies by name, each in its context. */
class Bodies {

    String kind
    Map<String, List> bodies = [:]
    Map state = [:]

}

/**
 * Runs pipelines as a Jenkins controller does, with Jenkins' own interpreter: every step suspends the program; with
 * `restarts` the whole state is then saved, dropped and read back, as when the controller restarts.
 */
class Controller {

    static Controller current

    final GroovyClassLoader loader
    final File library
    /** Folders that libraryResource looks in. */
    List<File> resources
    final Build build
    final List<Agent> agents = []
    /** By ID: `kind` and the values it binds. */
    final Map<String, Map> credentials = [:]
    /** What people answer to `input`: maps, or an exception for an abort. */
    List answers = []
    /** Steps of optional plugins that this controller lacks. */
    final Set<String> missing = []
    /** The repository that `checkout scm` takes from, and the commit that the build is of. */
    String repository
    String commit
    boolean restarts = true
    int restarted = 0
    /** Called for each suspension with its number and the step; what it returns is thrown in the step's place. */
    Closure interrupt = { int number, StepCall call -> null }
    /** Asked about the log of a running `sh`: whether somebody aborts the build now. */
    Closure abortWhen
    /** What runs scripts: the real thing, or in tests of the pipeline's own course a Scripted. */
    Object shell = new Shell(this)
    Program program = new Program()
    int suspensions = 0
    Object invoker
    Fiber active

    Controller(File library, Build build, GroovyClassLoader loader) {
        this.library = library
        this.build = build
        this.loader = loader
        this.resources = [new File(library, 'resources')]
        current = this
        new File(library, 'vars').eachFileMatch(~/.+\.groovy/) { file ->
            program.globals[file.name - '.groovy'] = loader.parseClass(file).newInstance()
        }
    }

    Context getContext() { active?.context ?: new Context() }

    Object global(String name) { program.globals[name] }

    boolean has(String name) { Steps.KNOWN.contains(name) && !missing.contains(name) }

    List known() { (Steps.KNOWN - missing) as List }

    Object scm() {
        if (!repository) {
            throw new hudson.AbortException("'checkout scm' is only available when using \"Multibranch Pipeline\" or \"Pipeline script from SCM\"")
        }
        return [repository: repository, commit: commit]
    }

    /** The variables of a place, as `env` and processes see them. */
    Map<String, String> environment(Context context) {
        Agent agent = agents.find { it.name == context.agent }
        Map found = [
            JENKINS_URL: 'http://localhost:8080/', JOB_NAME: build.job, BUILD_NUMBER: "${build.number}".toString(),
            JOB_URL: jobUrl(), BUILD_URL: "${jobUrl()}${build.number}/".toString(),
            BUILD_TAG: "jenkins-${build.job.replace('/', '-')}-${build.number}".toString(), BRANCH_NAME: 'main', CI: 'true',
        ] + build.env
        if (agent) {
            found += agent.env + [NODE_NAME: agent.name, WORKSPACE: context.workspace, EXECUTOR_NUMBER: '0',
                WORKSPACE_TMP: "${context.workspace}@tmp".toString()]
        }
        return (found + context.variables).findAll { it.value != null }
    }

    private String jobUrl() { "http://localhost:8080/job/${build.job.replace('/', '/job/')}/".toString() }

    /** Runs a pipeline to its end. Returns what its last statement came to, or throws what it threw. */
    Object run(String text) {
        current = this
        List wrong = Declarative.problems(text)
        assert wrong == []
        def script = loader.parseClass(text, "Jenkinsfile${System.nanoTime()}.groovy").newInstance()
        script.binding = new Binding()
        Fiber main = program.add(new Continuable(script, invoker ? Envs.empty(invoker) : Envs.empty()), new Context())
        int id = main.id
        Outcome end = null
        while (end == null) {
            List<Integer> able = program.fibers.values().findAll { it.waiting == null }*.id
            assert able : "nothing can go on: ${program.fibers.values()*.waiting}"
            for (int each in able) {
                Outcome outcome = advance(each)
                if (outcome != null && each == id) { end = outcome }
            }
        }
        if (end.isFailure()) {
            build.worsen(end.abnormal instanceof FlowInterruptedException ? 'ABORTED' : 'FAILURE')
            build.say("${end.abnormal.message}")
            throw end.abnormal
        }
        build.result = build.result ?: 'SUCCESS'
        return end.normal
    }

    /** Runs a fiber up to its next step, and that step. Returns the fiber's outcome where it ended. */
    private Outcome advance(int id) {
        Fiber fiber = program.fibers[id]
        active = fiber
        Outcome outcome
        try {
            outcome = fiber.code.run0(fiber.next, Continuable.categories + [Iterators])
        } finally {
            active = null
        }
        if (!fiber.code.isResumable()) {
            program.fibers.remove(id)
            if (fiber.parent) { ended(program.fibers[fiber.parent], fiber, outcome) }
            return outcome
        }
        fiber.waiting = (StepCall) outcome.replay()
        Throwable thrown = interrupt(++suspensions, fiber.waiting)
        if (restarts) { restart() }
        perform(program.fibers[id], thrown)
        return null
    }

    private void perform(Fiber fiber, Throwable thrown) {
        StepCall call = fiber.waiting
        build.steps << call
        settle(fiber) {
            if (thrown) { throw thrown }
            new Steps(this).perform(fiber, call)
        }
    }

    /** Goes on with what a step or the end of a block came to: a value, an exception, or bodies to run first. */
    private void settle(Fiber fiber, Closure work) {
        try {
            Object value = work()
            if (value instanceof Bodies) {
                begin(fiber, value)
            } else {
                go(fiber, new Outcome(value, null))
            }
        } catch (AssertionError wrong) {
            throw wrong
        } catch (Throwable error) {
            go(fiber, new Outcome(null, error))
        }
    }

    private void go(Fiber fiber, Outcome outcome) {
        fiber.next = outcome
        fiber.waiting = null
    }

    private void begin(Fiber fiber, Bodies wanted) {
        fiber.block = [kind: wanted.kind, open: wanted.bodies.size(), results: new LinkedHashMap(), state: wanted.state]
        if (wanted.bodies.isEmpty()) { finish(fiber) }
        wanted.bodies.each { name, pair ->
            Context place = (Context) pair[1]
            Fiber stand = new Fiber(branch: name, parent: fiber.id, context: place)
            active = stand
            try {
                ended(fiber, stand, new Outcome(((Closure) pair[0]).call(), null))
            } catch (CpsCallableInvocation call) {
                def env = invoker ? Envs.empty(invoker) : Envs.empty()
                Fiber body = program.add(new Continuable(call.invoke(env, null, Continuation.HALT)), place, fiber.id)
                body.branch = name
            } finally {
                active = null
            }
        }
    }

    private void ended(Fiber fiber, Fiber body, Outcome outcome) {
        fiber.block.results[body.branch] = new Steps(this).closed(body, outcome)
        fiber.block.open--
        if (fiber.block.open == 0) { finish(fiber) }
    }

    private void finish(Fiber fiber) { settle(fiber) { new Steps(this).finish(fiber) } }

    /** The controller stops and starts: nothing lives on but what was saved. */
    private void restart() {
        program = (Program) Saved.load(Saved.save(program), loader)
        restarted++
    }

}
