import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.CpsDefaultGroovyMethods
import com.cloudbees.groovy.cps.Envs
import com.cloudbees.groovy.cps.Outcome
import com.cloudbees.groovy.cps.SandboxCpsTransformer
import com.cloudbees.groovy.cps.sandbox.SandboxInvoker
import harness.BuildHandle
import harness.EnvHandle
import org.codehaus.groovy.control.CompilerConfiguration
import org.junit.Test
import sandbox.Gate
import sandbox.Lists

/** The gate refuses and allows what Jenkins does: each of these was tried on a real controller. */
class GateTest {

    private static final GroovyClassLoader LOADER = {
        CompilerConfiguration configuration = new CompilerConfiguration()
        configuration.addCompilationCustomizers(new SandboxCpsTransformer())
        return new GroovyClassLoader(GateTest.classLoader, configuration)
    }()

    private static Object run(String code, Map variables = [:]) {
        def script = LOADER.parseClass(code, "Tried${System.nanoTime()}.groovy").newInstance()
        script.binding = new Binding(variables)
        Gate gate = new Gate(Lists.jenkins())
        gate.register()
        try {
            return new Continuable(script, Envs.empty(new SandboxInvoker())).run0(new Outcome(null, null), [CpsDefaultGroovyMethods]).replay()
        } finally {
            gate.unregister()
        }
    }

    private static String refusal(String code, Map variables = [:]) {
        try {
            return "not refused: ${run(code, variables)}"
        } catch (SecurityException refused) {
            return refused.message
        }
    }

    @Test void refuses_what_a_controller_refuses() {
        Map<String, String> refused = [
            'new groovy.json.JsonSlurperClassic()': 'new groovy.json.JsonSlurperClassic',
            'java.security.MessageDigest.getInstance("SHA-256")': 'staticMethod java.security.MessageDigest getInstance java.lang.String',
            '"a".bytes.encodeBase64()': 'staticMethod org.codehaus.groovy.runtime.EncodingGroovyMethods encodeBase64 byte[]',
            'new URI("x:y")': 'new java.net.URI java.lang.String',
            'java.time.Instant.now()': 'staticMethod java.time.Instant now',
            'Thread.sleep(1)': 'staticMethod java.lang.Thread sleep long',
            '[1].sort(false)': 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods sort java.util.Collection boolean',
            '[1].asImmutable()': 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods asImmutable java.util.List',
            'new TreeMap([a: 1])': 'new java.util.TreeMap java.util.Map',
            'java.math.RoundingMode.HALF_UP': 'staticField java.math.RoundingMode HALF_UP',
            '"ls".execute()': 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods execute java.lang.String',
            'new Exception("x").getStackTrace()': 'method java.lang.Throwable getStackTrace',
            '"a".metaClass': 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods getMetaClass java.lang.Object',
            'System.getenv("A")': 'staticMethod java.lang.System getenv java.lang.String',
            'new File("/x")': 'new java.io.File java.lang.String',
            'groovy.json.JsonOutput.toJson([1])': 'staticMethod groovy.json.JsonOutput toJson java.lang.Object',
        ]
        refused.each { code, signature -> assert refusal(code) == "the sandbox refuses: $signature" }
    }

    @Test void refuses_what_the_handles_of_a_build_would_give_away() {
        Map handles = [env: new EnvHandle(), build: new BuildHandle()]
        ['build.rawBuild', 'build.getRawBuild()', 'build.build()', 'build.class.classLoader', 'env.getEnvironment()'].each { code ->
            assert refusal(code, handles).startsWith('the sandbox refuses: ')
        }
    }

    @Test void refuses_within_closures_and_code_that_is_not_suspended() {
        ['[1].each { new File("/x") }', '@com.cloudbees.groovy.cps.NonCPS def f() { new File("/x") }\nf()',
         '@com.cloudbees.groovy.cps.NonCPS def f() { [1].collect { System.getenv("A") } }\nf()',
         '"${new File("/x")}"', 'def f = { String path -> new File(path) }\nf("/x")', 'def f = { -> System.getenv("A") }\nf.call()',
         '("/x" as File)', 'String.forName("java.io.File")', 'Class.forName("java.io.File")'].each { code ->
            assert refusal(code).startsWith('the sandbox refuses: ')
        }
    }

    @Test void allows_what_a_controller_allows() {
        Map<String, Object> allowed = [
            'new groovy.json.JsonSlurper().parseText("{}")': [:],
            'groovy.json.JsonOutput.toJson([a: 1])': '{"a":1}',
            'new Date(0).format("yyyy").length()': 4,
            'UUID.randomUUID().toString().length()': 36,
            'String.format("%s", "a")': 'a',
            'URLEncoder.encode("a b", "UTF-8")': 'a+b',
            '"ab" ==~ /a./': true,
            '("ab" =~ /b/).find()': true,
            '[a: 1].collectEntries { k, v -> [(v): k] }': [1: 'a'],
            '[1, 2].inject(0) { a, b -> a + b }': 3,
            '[a: 1].asImmutable()': [a: 1],
            '"a,b".split(",").length': 2,
            '[a: 1].containsKey("a")': true,
            '"x".trim().isEmpty()': false,
            '[1, 2].findAll { it > 1 }.join(",")': '2',
            '[a: 1, b: 2].subMap(["a"])': [a: 1],
            'def body = { -> 7 }\nbody()': 7,
            'def body = { -> 7 }\nbody.call()': 7,
            'def body = { int n -> n }\nbody(7)': 7,
            'List found = []\nfor (entry in [a: 1].entrySet()) { found << entry.key + entry.value }\nfound': ['a1'],
        ]
        allowed.each { code, value -> assert run(code) == value }
    }

    @Test void groovys_own_view_of_an_overload_decides() {
        assert refusal('[a: 1].get("a").getClass().forName("x")').startsWith('the sandbox refuses: ')
        assert run('"a${1}".toUpperCase()') == 'A1'
        assert run('[a: [b: 1]].a.b') == 1
    }

}
