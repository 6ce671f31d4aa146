package sandbox

import com.cloudbees.groovy.cps.Continuable
import harness.BuildHandle
import harness.EnvHandle
import harness.PipelineScript
import org.codehaus.groovy.runtime.DateGroovyMethods
import org.codehaus.groovy.runtime.DefaultGroovyMethods
import org.codehaus.groovy.runtime.EncodingGroovyMethods
import org.codehaus.groovy.runtime.GStringImpl
import org.codehaus.groovy.runtime.ProcessGroovyMethods
import org.codehaus.groovy.runtime.ScriptBytecodeAdapter
import org.codehaus.groovy.runtime.SqlGroovyMethods
import org.codehaus.groovy.runtime.StringGroovyMethods
import org.codehaus.groovy.runtime.SwingGroovyMethods
import org.codehaus.groovy.runtime.XmlGroovyMethods
import org.kohsuke.groovy.sandbox.GroovyInterceptor

/**
 * Refuses what Jenkins' sandbox would refuse, with a given list of what may be called: every call, `new`, property and
 * index of sandboxed code passes here, is resolved as Groovy resolves it, and looked up.
 */
class Gate extends GroovyInterceptor {

    /** Where Groovy's own methods are, in the order in which the sandbox looks. */
    private static final List<Class> GROOVYS_OWN = [DefaultGroovyMethods, StringGroovyMethods, SwingGroovyMethods, SqlGroovyMethods,
        XmlGroovyMethods, EncodingGroovyMethods, DateGroovyMethods, ProcessGroovyMethods]
    private static final Set<String> MATH = ['plus', 'minus', 'multiply', 'div', 'compareTo', 'or', 'and', 'xor', 'intdiv', 'mod',
        'leftShift', 'rightShift', 'rightShiftUnsigned'] as Set
    private static final Set<Class> PLAIN = [String, boolean, Boolean, int, Integer, long, Long] as Set
    /** What Jenkins marks as harmless on `currentBuild` (RunWrapper), of that what the stand-in has. */
    private static final Set<String> OF_BUILD = ['getNumber', 'getResult', 'getCurrentResult', 'getDisplayName', 'setDisplayName',
        'getDescription', 'setDescription', 'setResult', 'getPreviousBuild', 'getBuildCauses'] as Set

    private final Set<String> allowed
    /** The listed signatures that were used. */
    final Set<String> used = new TreeSet()
    /** What was refused, also where the code took the refusal for a fault of its own and went on. */
    final List<String> refused = []

    Gate(Collection<String> allowed) { this.allowed = allowed as Set }

    static List<String> signatures(File file) {
        file.readLines()*.trim().findAll { it && !it.startsWith('#') }
    }

    Object onMethodCall(GroovyInterceptor.Invoker i, Object receiver, String name, Object... args) {
        def found = CallSite.method(receiver, name, args)
        if (found) {
            need(found, receiver, args)
        } else if (!(receiver instanceof Number && name in MATH) && !groovysOwn(receiver, name, args)) {
            elsewhere(receiver, name, args)
        }
        super.onMethodCall(i, receiver, name, args)
    }

    Object onStaticCall(GroovyInterceptor.Invoker i, Class type, String name, Object... args) {
        def found = CallSite.declared(original(type), plain(type, name), args)
        if (type == ScriptBytecodeAdapter && name in ['asType', 'castToType']) {
            cast(args[0], (Class) args[1])
        } else {
            need(found, type, args, "staticMethod ${type.name} ${name}")
        }
        super.onStaticCall(i, type, name, args)
    }

    Object onNewInstance(GroovyInterceptor.Invoker i, Class type, Object... args) {
        constructed(type, args)
        super.onNewInstance(i, type, args)
    }

    void onSuperConstructor(GroovyInterceptor.Invoker i, Class type, Object... args) {
        constructed(type, args)
        super.onSuperConstructor(i, type, args)
    }

    /** Texts with values and pipeline scripts are made by the interpreter itself. */
    private void constructed(Class type, Object[] args) {
        if (!(type in [GStringImpl, PipelineScript])) { need(CallSite.constructor(type, args), type, args, "new ${type.name}") }
    }

    Object onSuperCall(GroovyInterceptor.Invoker i, Class sender, Object receiver, String name, Object... args) {
        need(CallSite.method(receiver, name, args), receiver, args, "super.${name}")
        super.onSuperCall(i, sender, receiver, name, args)
    }

    Object onGetProperty(GroovyInterceptor.Invoker i, Object receiver, String name) {
        if (!(receiver instanceof Script && receiver.getBinding().hasVariable(name)) && !(name == 'length' && receiver.getClass().array)) {
            String capital = name.capitalize()
            any([get(receiver, "get$capital"), truth(receiver, "is$capital"), *own(receiver, "get$capital"), *own(receiver, "is$capital"),
                CallSite.field(receiver, name), dynamic(receiver, 'getProperty', name),
                *(receiver instanceof Class ? ofClass(receiver, name) : [])], receiver, [name] as Object[], "property ${shown(receiver)} ${name}")
        }
        super.onGetProperty(i, receiver, name)
    }

    Object onSetProperty(GroovyInterceptor.Invoker i, Object receiver, String name, Object value) {
        if (!(receiver instanceof Script && !(name in ['binding', 'metaClass']))) {
            any([CallSite.setter(receiver, "set${name.capitalize()}", value), CallSite.field(receiver, name),
                dynamic(receiver, 'setProperty', name, value)], receiver, [name, value] as Object[], "property ${shown(receiver)} ${name} =")
        }
        super.onSetProperty(i, receiver, name, value)
    }

    Object onGetAttribute(GroovyInterceptor.Invoker i, Object receiver, String name) {
        need(CallSite.field(receiver, name), receiver, [] as Object[], "field ${shown(receiver)} ${name}")
        super.onGetAttribute(i, receiver, name)
    }

    Object onSetAttribute(GroovyInterceptor.Invoker i, Object receiver, String name, Object value) {
        need(CallSite.field(receiver, name), receiver, [] as Object[], "field ${shown(receiver)} ${name} =")
        super.onSetAttribute(i, receiver, name, value)
    }

    Object onGetArray(GroovyInterceptor.Invoker i, Object receiver, Object index) {
        if (!(receiver.getClass().array && index instanceof Integer)) { at(receiver, 'getAt', index) }
        super.onGetArray(i, receiver, index)
    }

    Object onSetArray(GroovyInterceptor.Invoker i, Object receiver, Object index, Object value) {
        if (!(receiver.getClass().array && index instanceof Integer)) { at(receiver, 'putAt', index, value) }
        super.onSetArray(i, receiver, index, value)
    }

    /** A cast may call constructors and more: only those to what the value is already, or to plain data, are harmless. */
    private void cast(Object value, Class type) {
        boolean plain = type in PLAIN || (type in [Set, List, Object[], String[]] && value instanceof Collection)
        if (value != null && !type.isInstance(value) && !plain) { refuse("cast of ${shown(value)} to ${type.name}") }
    }

    private void at(Object receiver, String name, Object... args) {
        def found = CallSite.method(receiver, name, args) ?: GROOVYS_OWN.findResult { CallSite.declared(it, name, self(receiver, args)) }
        need(found, receiver, args, "${name} ${shown(receiver)}")
    }

    // ---- what a property may be

    private static Object get(Object receiver, String getter) { CallSite.method(receiver, getter, [] as Object[]) }

    private static Object truth(Object receiver, String getter) {
        def found = get(receiver, getter)
        found?.returnType == boolean ? found : null
    }

    private static List own(Object receiver, String getter) { GROOVYS_OWN.collect { CallSite.declared(it, getter, [receiver] as Object[]) } }

    /** `getProperty` and its like, where a class wrote it by hand. */
    private static Object dynamic(Object receiver, String name, Object... args) {
        receiver instanceof GroovyObject && !(receiver instanceof Closure) ? CallSite.method(receiver, name, args) : null
    }

    private static List ofClass(Class type, String name) {
        [CallSite.declared(type, "get${name.capitalize()}", [] as Object[]), type.declaredFields.find { it.name == name }]
    }

    // ---- what a method may be beside a method

    private boolean groovysOwn(Object receiver, String name, Object[] args) {
        List found = GROOVYS_OWN.collect { CallSite.declared(it, name, self(receiver, args)) }.findAll()
        if (found) { any(found, receiver, args, '') }
        return found
    }

    /** A closure in a map or in a script's binding, or `invokeMethod`. */
    private void elsewhere(Object receiver, String name, Object[] args) {
        if (receiver instanceof Map && receiver.get(name) instanceof Closure) { return }
        if (receiver instanceof Script && receiver.getBinding().hasVariable(name)) { return }
        def found = CallSite.method(receiver, 'invokeMethod', [name, args] as Object[])
        if (!found || !permitted(found, receiver, args)) { refuse("method ${shown(receiver)} ${name}${args.collect { ' ' + shown(it) }.join('')}") }
    }

    private static Object[] self(Object receiver, Object[] args) { ([receiver] + (args as List)) as Object[] }

    // ---- the decision

    private void any(List members, Object receiver, Object[] args, String words) {
        List found = members.findAll()
        if (!found.any { permitted(it, receiver, args) }) { refuse(found ? CallSite.signature(found[0]) : words) }
    }

    private void need(Object member, Object receiver, Object[] args, String words = '') {
        if (member == null || !permitted(member, receiver, args)) { refuse(member ? CallSite.signature(member) : words) }
    }

    private boolean permitted(Object member, Object receiver, Object[] args) {
        if (ours(member.declaringClass)) { return !member.synthetic }
        if (jenkins(member.name, receiver, args)) { return true }
        String signature = CallSite.signature(member)
        return signature in allowed && used.add(signature) || signature in allowed
    }

    /** The library's classes and the pipeline's own: whatever was loaded from source. */
    private static boolean ours(Class type) { type.classLoader instanceof GroovyClassLoader }

    /** What the pipeline plugins allow beside the lists: steps, global variables, `env`, `currentBuild`. */
    private static boolean jenkins(String name, Object receiver, Object[] args) {
        switch (receiver) {
            case PipelineScript:
                return name in ['invokeMethod', 'evaluate', 'println', 'print', 'printf'] || (name == 'getProperty' && known(args))
            case EnvHandle: return name in ['getProperty', 'setProperty'] && !(args[0] in ['class', 'metaClass'])
            case BuildHandle: return name in OF_BUILD
        }
        return false
    }

    private static boolean known(Object[] args) {
        args.length == 1 && (args[0] in ['steps', 'env', 'currentBuild', 'params', 'scm', 'any', 'none'] || new EnvHandle().getProperty("${args[0]}") != null)
    }

    /** Groovy's own methods as the pipeline interpreter rewrites them count as the originals. */
    private static Class original(Class type) {
        type in Continuable.categories ? Gate.classLoader.loadClass(type.name.replace('com.cloudbees.groovy.cps.Cps', 'org.codehaus.groovy.runtime.')) : type
    }

    private static String plain(Class type, String name) {
        type in Continuable.categories && name.startsWith('$') ? name.substring(1).replaceFirst(/__.+$/, '') : name
    }

    private static String shown(Object value) { value == null ? 'null' : (value instanceof Class ? value : value.getClass()).name }

    private void refuse(String signature) {
        refused << signature
        throw new SecurityException("the sandbox refuses: ${signature}")
    }

}
