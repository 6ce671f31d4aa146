package sandbox

import java.lang.reflect.Array
import java.lang.reflect.Constructor
import java.lang.reflect.Executable
import java.lang.reflect.Field
import java.lang.reflect.Method
import java.lang.reflect.Modifier

/** Finds the member that a call means, as Jenkins' sandbox does: the most general declaration of it. */
class CallSite {

    private static final Map<Class, List<Class>> TYPES = [:]
    private static final Map<Class, Map> METHODS = [:]

    static Method method(Object receiver, String name, Object[] args) {
        types(receiver.getClass()).findResult { declared(it, name, args) } ?:
            (receiver instanceof GString ? declared(String, name, args) : null)
    }

    /** A method that this very class declares. */
    static Method declared(Class type, String name, Object[] args) {
        List<Method> named = (List) named(type)[name]
        named ? (Method) best(named, args) : null
    }

    static Constructor constructor(Class type, Object[] args) {
        List all = type.declaredConstructors as List
        (Constructor) (best(all, args) ?: (args.length == 1 && args[0] instanceof Map ? all.find { it.parameterCount == 0 } : null))
    }

    static Field field(Object receiver, String name) {
        types(receiver.getClass()).findResult { type -> type.declaredFields.find { it.name == name } }
    }

    /** Setters of any parameter type: where there is one only, Groovy casts the value to it. */
    static Method setter(Object receiver, String name, Object value) {
        List found = types(receiver.getClass()).collectMany { type ->
            type.declaredMethods.findAll { it.name == name && it.parameterCount == 1 }
        }
        found.size() == 1 ? (Method) found[0] : method(receiver, name, [value] as Object[])
    }

    /** A member as the lists write it. */
    static String signature(Object member) {
        String still = Modifier.isStatic(member.modifiers) ? 'static' : ''
        String owner = member.declaringClass.name
        if (member instanceof Field) { return "${still ? 'staticField' : 'field'} ${owner} ${member.name}".toString() }
        String parameters = member.parameterTypes.collect { ' ' + name(it) }.join('')
        if (member instanceof Constructor) { return "new ${owner}${parameters}".toString() }
        return "${still ? 'staticMethod' : 'method'} ${owner} ${member.name}${parameters}".toString()
    }

    private static String name(Class type) { type.array ? name(type.componentType) + '[]' : type.name }

    /** Ancestors first. */
    private static List<Class> types(Class type) {
        if (!TYPES[type]) {
            List above = (type.superclass ? types(type.superclass) : []) + type.interfaces.collectMany { types(it) }
            TYPES[type] = (above + type).unique()
        }
        TYPES[type]
    }

    private static Map<String, List<Method>> named(Class type) {
        if (METHODS[type] == null) { METHODS[type] = type.declaredMethods.groupBy { it.name } }
        METHODS[type]
    }

    private static Executable best(List<Executable> all, Object[] args) {
        all.findAll { fits(it, args) }.inject(null) { best, each -> best == null || narrower(each, best) ? each : best }
    }

    private static boolean fits(Executable member, Object[] args) {
        List<Class> wanted = member.parameterTypes as List
        if (wanted.size() == args.length && [wanted, args as List].transpose().every { takes(it[0], it[1]) }) { return true }
        if (!member.varArgs || args.length < wanted.size() - 1) { return false }
        int fixed = wanted.size() - 1
        Class item = wanted[-1].componentType
        return (0..<fixed).every { takes(wanted[it], args[it]) } && args.drop(fixed).every { takes(item, it) }
    }

    private static boolean takes(Class type, Object value) {
        if (value == null) { return !type.primitive }
        if (type.isInstance(value) || (type == String && value instanceof GString)) { return true }
        return type.primitive && (wrapped(type).isInstance(value) || (type == long && value instanceof Integer))
    }

    private static Class wrapped(Class primitive) {
        primitive == void ? Void : Array.get(Array.newInstance(primitive, 1), 0).getClass()
    }

    private static boolean narrower(Executable one, Executable other) {
        if (one.varArgs != other.varArgs) { return other.varArgs }
        List pair = [one.parameterTypes as List, other.parameterTypes as List].transpose().find { it[0] != it[1] }
        if (!pair || pair[0].isAssignableFrom(pair[1])) { return false }
        return pair[1].isAssignableFrom(pair[0]) || "$one" > "$other"
    }

}
