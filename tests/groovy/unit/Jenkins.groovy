import com.lesfurets.jenkins.unit.BasePipelineTest
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import harness.Results
import hudson.AbortException
import org.junit.Before

/** `env`: the build's values, and those of the blocks around a step. */
class Environment {

    final Map<String, String> build = [:]
    final List<Map> blocks = []

    Object getProperty(String name) {
        switch (name) {
            case 'build': return this.@build
            case 'blocks': return this.@blocks
        }
        (all())[name]
    }

    void setProperty(String name, Object value) {
        assert value == null || value instanceof CharSequence : "env.${name} takes a text"
        this.@build[name] = "$value".toString()
    }

    Map all() { ([this.@build] + this.@blocks).inject([:]) { sum, each -> sum + each } }

    Object within(Map variables, Closure body) {
        this.@blocks.add(variables)
        try {
            return body.call()
        } finally {
            this.@blocks.remove(this.@blocks.size() - 1)
        }
    }

}

/**
 * Base of the tests of single steps: every step that the library calls is registered here and does what the real one
 * does, so that tests don't hang on what JenkinsPipelineUnit brings in one version and not in another.
 */
abstract class Jenkins extends BasePipelineTest {

    public static final File LIBRARY = new File(System.getProperty('library', '.')).absoluteFile
    public static final String RESOURCES = 'org/modeldevops/'

    Environment env = new Environment()
    Map currentBuild
    final Map<String, String> files = [:]
    final Map<String, List> answers = [:].withDefault { [] }
    /** The calls of the command line: verb, request, variables, label. */
    final List<Map> asked = []
    final List<String> said = []
    /** What was called, in order: name and arguments. */
    final List<List> called = []
    final List people = []
    boolean unix = true

    @Before void setUp() throws Exception {
        scriptRoots = ["$LIBRARY/src".toString(), "$LIBRARY/vars".toString()] as String[]
        super.setUp()
        currentBuild = [number: 7, result: null, currentResult: 'SUCCESS', displayName: '#7', description: null, previousBuild: null]
        currentBuild.getBuildCauses = { -> [] }
        env.build.putAll([NODE_NAME: 'linux-1', WORKSPACE: '/w', WORKSPACE_TMP: '/w@tmp', JOB_NAME: 'team/digits', JOB_URL: 'http://j/job/team/job/digits/'])
        binding.setVariable('env', env)
        binding.setVariable('currentBuild', new Build(currentBuild))
        binding.setVariable('scm', [branch: 'main'])
        words()
        places()
        data()
        blocks()
        publishers()
    }

    /** Calls a step of vars/. */
    Object step(String name, Object... args) { loadScript("${name}.groovy").invokeMethod('call', args) }

    /** The message that a step fails with. */
    String failure(String name, Object... args) {
        Object found
        try {
            found = step(name, args)
        } catch (AbortException failed) {
            return failed.message
        }
        throw new AssertionError("$name should have failed, and returned $found")
    }

    /** The next answer of a verb; null for `more` leaves no result. The last one is given again and again. */
    void answer(String verb, int code, Map more = [:]) { answers[verb] << [code, more] }

    void missing(String step) {
        publisher(step, [Map]) { throw new NoSuchMethodError("No such DSL method '${step}' found among steps [echo, sh]") }
        publisher(step, [Map, Closure]) { a, b -> throw new NoSuchMethodError("No such DSL method '${step}' found among steps [echo, sh]") }
    }

    List calls(String name) { called.findAll { it[0] == name }*.getAt(1) }

    protected void publisher(String name, List<Class> types, Closure body) {
        helper.registerAllowedMethod(name, types) { Object... args ->
            called << [name, args.length && !(args[0] instanceof Closure) ? args[0] : null]
            body.call(*args)
        }
    }

    private void words() {
        publisher('echo', [String]) { said << it; null }
        publisher('error', [String]) { throw new AbortException(it) }
        publisher('unstable', [String]) { String text -> currentBuild.result = 'UNSTABLE'; said << text; null }
        publisher('isUnix', []) { -> unix }
        publisher('pwd', [Map]) { assert it == [tmp: true]; '/w/dir@tmp' }
        publisher('checkout', [Map]) { [:] }
    }

    private void places() {
        publisher('writeFile', [Map]) { assert it.encoding in ['UTF-8', 'Base64']; files[it.file] = it.text; null }
        publisher('readFile', [Map]) { assert files.containsKey(it.file) : "no file ${it.file}"; files[it.file] }
        publisher('fileExists', [String]) { files.containsKey(it) }
        publisher('deleteDir', []) { -> null }
        publisher('libraryResource', [String]) { resource(it) }
        publisher('libraryResource', [Map]) { it.encoding == 'Base64' ? "base64 of ${it.resource}".toString() : resource(it.resource) }
        publisher('sh', [Map]) { sh(it) }
        publisher('sh', [String]) { throw new AssertionError("unexpected sh: $it") }
    }

    protected static String resource(String name) {
        assert name.startsWith(RESOURCES)
        String file = name.substring(RESOURCES.length())
        if (file == 'cli.json') { return '{"version": "1.2.3", "key": "k", "wheel": "model_devops-1.2.3-py3-none-any.whl"}' }
        return file == 'requirements.txt' ? 'a==1' : new File(LIBRARY, "resources/$name").text
    }

    protected int sh(Map args) {
        Map variables = env.all()
        String verb = variables.MODEL_DEVOPS_VERB
        List queue = answers[verb]
        if (!queue) { throw new AssertionError("unexpected sh: ${args.label ?: args.script}") }
        assert args.keySet() == ['label', 'script', 'returnStatus'] as Set && args.returnStatus == true
        assert args.script == resource(RESOURCES + 'run.sh') : 'the script is a constant'
        String folder = variables.MODEL_DEVOPS_CALL
        asked << [verb: verb, label: args.label, variables: variables, folder: folder, request: new JsonSlurper().parseText(files["$folder/request.json"])]
        List next = queue.size() > 1 ? queue.remove(0) : queue[0]
        if (next[1] != null) { files["$folder/result.json".toString()] = JsonOutput.toJson(Results.of(verb, next[0], next[1])) }
        return next[0]
    }

    private void data() {
        ['string', 'file', 'usernamePassword', 'sshUserPrivateKey', 'choice', 'text'].each { symbol ->
            publisher(symbol, [Map]) { Map args -> [symbol: symbol] + args }
        }
    }

    private void blocks() {
        publisher('withEnv', [List, Closure]) { List pairs, Closure body ->
            env.within(pairs.collectEntries { String pair -> pair.split('=', 2) as List }, body)
        }
        publisher('withCredentials', [List, Closure]) { List bindings, Closure body ->
            env.within(bindings.collectEntries { bound((Map) it) }, body)
        }
        publisher('node', [String, Closure]) { String label, Closure body -> env.within([NODE_NAME: label ?: 'any', WORKSPACE_TMP: '/n@tmp'], body) }
        publisher('stage', [String, Closure]) { String name, Closure body -> env.within([STAGE_NAME: name], body) }
        publisher('dir', [String, Closure]) { String path, Closure body -> body.call() }
        publisher('timeout', [Map, Closure]) { Map args, Closure body -> assert args.time > 0; body.call() }
        publisher('lock', [Map, Closure]) { Map args, Closure body -> body.call() }
        publisher('input', [Map]) {
            assert people : "nobody answers: ${it.message}"
            Object answer = people.remove(0)
            if (answer instanceof Throwable) { throw answer }
            answer
        }
    }

    /** The variables of a binding; each value says what it is. */
    protected static Map bound(Map binding) {
        binding.findAll { it.key.toLowerCase().endsWith('variable') }
            .collectEntries { [(it.value): "${binding.symbol} ${binding.credentialsId}".toString()] }
    }

    private void publishers() {
        ['milestone', 'junit', 'archiveArtifacts', 'publishHTML'].each { publisher(it, [Map]) { null } }
    }

}

/** `currentBuild`: what is written has to be of the right type, and a result only gets worse. */
class Build {

    private static final List ORDER = [null, 'SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']
    private final Map state

    Build(Map state) { this.state = state }

    List getBuildCauses() { this.@state.getBuildCauses.call() }

    Object getProperty(String name) {
        assert this.@state.containsKey(name) : "currentBuild.${name}"
        if (name == 'currentResult') { return this.@state.result ?: this.@state.currentResult }
        this.@state[name]
    }

    void setProperty(String name, Object value) {
        assert name in ['result', 'displayName', 'description'] && value instanceof String
        if (name != 'result' || ORDER.indexOf(value) > ORDER.indexOf(this.@state.result)) { this.@state[name] = value }
    }

}
