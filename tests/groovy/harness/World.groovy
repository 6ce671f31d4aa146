package harness

import com.cloudbees.groovy.cps.CpsTransformer
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.CompilationCustomizer
import org.codehaus.groovy.control.customizers.ImportCustomizer

/**
 * A team, its repository and its Jenkins: a bare remote, agents with an empty home and nothing but Python and git,
 * and builds that run pipelines from source, with the real command line behind the real `sh`.
 */
class World implements Closeable {

    static final File LIBRARY = new File(System.getProperty('library', '.')).absoluteFile
    /** What `make wheel` makes: wheel, requirements and cli.json. */
    static final File CLI = new File(System.getProperty('cli', 'build/cli')).absoluteFile
    /** Where agents keep the installed command line from one test to the next; an agent without it starts with nothing. */
    static final File CACHE = new File('build/agents').absoluteFile

    private static final Map<Class, GroovyClassLoader> LOADERS = [:]

    final File root
    final File work
    final File remote
    final List<Agent> agents = []
    final Map<String, Map> credentials = [:]
    final int testPort = freePort()
    final int productionPort = freePort()
    Class transformer = CpsTransformer
    int builds = 0
    Build last

    World(String name = 'a team') {
        root = java.nio.file.Files.createTempDirectory('model devops ').toFile()
        work = new File(root, 'work')
        remote = new File(root, 'remote.git')
        git(root, 'init', '--quiet', '--bare', '--initial-branch=main', remote.path)
        git(root, 'clone', '--quiet', remote.path, work.path)
        agent('agent one')
        project()
    }

    /** An agent with a home of its own and a folder for workspaces whose name has a space. */
    Agent agent(String name, Map more = [:]) {
        File home = new File(root, "homes/${name}")
        home.mkdirs()
        Map env = [PATH: System.getenv('PATH'), HOME: home.path, LANG: 'C.UTF-8', XDG_CACHE_HOME: CACHE.path] + pip() + more
        agents << new Agent(name: name, root: new File(root, name), env: env, labels: [name] as Set)
        return agents[-1]
    }

    /** What this machine's own pip is told of its index: an agent's administrator does the same. */
    private static Map pip() { System.getenv().findAll { it.key.startsWith('PIP_') } }

    private void project() {
        new File(LIBRARY, 'tests/groovy/project').eachFile { file ->
            new File(work, file.name == 'gitignore' ? '.gitignore' : file.name).text = file.text
        }
        File yaml = new File(work, 'model.yaml')
        yaml.text = yaml.text.replace('TEST_PORT', "$testPort").replace('PRODUCTION_PORT', "$productionPort")
        commit('Begin')
    }

    /** Commits all that is in the work tree, and pushes it. */
    String commit(String message) {
        git(work, 'add', '--all')
        git(work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', 'commit', '--quiet', '--message', message)
        git(work, 'push', '--quiet', 'origin', 'HEAD')
        return head()
    }

    String head() { git(work, 'rev-parse', 'HEAD').trim() }

    void set(String file, String old, String changed) {
        File path = new File(work, file)
        assert path.text.contains(old)
        path.text = path.text.replace(old, changed)
    }

    static String git(File folder, String... words) {
        Process process = new ProcessBuilder(['git'] + (words as List)).directory(folder).redirectErrorStream(true).start()
        String text = process.text
        assert process.waitFor() == 0 : "git ${words.join(' ')}: $text"
        return text
    }

    /** A controller for the next build of the newest commit; `settings` are set on it. */
    Controller controller(Map settings = [:]) {
        Build build = new Build(number: ++builds, previous: last ? [result: last.result, number: last.number] : null)
        Controller made = new Controller(LIBRARY, build, loader(transformer))
        made.resources << CLI
        made.agents.addAll(agents)
        made.credentials.putAll(credentials)
        made.repository = remote.path
        made.commit = head()
        settings.each { key, value -> made."$key" = value }
        last = build
        return made
    }

    /** The library as the interpreter wants it; compiled once, as it takes a second. */
    private static GroovyClassLoader loader(Class transformer) {
        if (!LOADERS[transformer]) {
            CompilerConfiguration configuration = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
            ImportCustomizer imports = new ImportCustomizer()
            imports.addImports('org.jenkinsci.plugins.workflow.libs.Library')
            configuration.addCompilationCustomizers(imports, (CompilationCustomizer) transformer.newInstance())
            LOADERS[transformer] = new GroovyClassLoader(World.classLoader, configuration)
            LOADERS[transformer].addClasspath(new File(LIBRARY, 'src').path)
        }
        return LOADERS[transformer]
    }

    /** Runs a pipeline as the next build. Returns what it came to. */
    Object run(String pipeline, Map settings = [:]) { controller(settings).run(pipeline) }

    /** Somebody runs the command line by hand, in the first agent's workspace, as its user. */
    String cli(String... words) {
        List made = new File(CACHE, 'model-devops/cli').listFiles().findAll { new File(it, 'bin/python').file }
        File python = new File(made.max { it.lastModified() }, 'bin/python')  // of this run: older ones read no newer records
        ProcessBuilder builder = new ProcessBuilder([python.path, '-I', '-m', 'model_devops'] + (words as List))
        builder.environment().clear()
        builder.environment().putAll(agents[0].env)
        builder.directory(new File(agents[0].root, 'workspace/team_digits')).redirectErrorStream(true)
        Process process = builder.start()
        String text = process.text
        assert process.waitFor() == 0 : text
        return text
    }

    /** What the server of an environment answers, or null. */
    static Map ask(int port) {
        try {
            return (Map) new groovy.json.JsonSlurper().parseText(new URL("http://127.0.0.1:${port}/model").text)
        } catch (IOException nobody) {
            return null
        }
    }

    static int freePort() {
        ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName('127.0.0.1'))
        int port = socket.localPort
        socket.close()
        return port
    }

    /** Ends the servers, and removes everything. */
    void close() {
        new File('/proc').listFiles().findAll { it.name.isInteger() }.each { folder ->
            try {
                if (new File(folder, 'environ').getText('ISO-8859-1').contains("=${root.path}/")) {
                    ['kill', '-KILL', folder.name].execute().waitFor()
                }
            } catch (IOException gone) { }
        }
        ['chmod', '-R', 'u+w', root.path].execute().waitFor()
        root.deleteDir()
    }

}
