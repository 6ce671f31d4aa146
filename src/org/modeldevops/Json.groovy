package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS
import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/** JSON as plain, serialisable data: what JsonSlurper returns could not be saved across a step. */
class Json implements Serializable {

    /** Reads an object; null where the text is none. */
    @NonCPS
    static Map parse(String text) {
        try {
            Object found = new JsonSlurper().parseText(text)
            return found instanceof Map ? (Map) plain(found) : null
        } catch (Exception ignored) {
            return null
        }
    }

    /** Writes an object whose values are maps, lists, texts, numbers and truth values. */
    @NonCPS
    static String dump(Map document) {
        return JsonOutput.toJson((Map) plain(document))
    }

    /** Copies maps and lists deeply into ones that can be saved; texts with values in them become plain texts. */
    @NonCPS
    static Object plain(Object value) {
        if (value instanceof Map) {
            Map copy = [:]
            for (Map.Entry entry in ((Map) value).entrySet()) {
                copy.put("${entry.key}".toString(), plain(entry.value))
            }
            return copy
        }
        if (value instanceof Collection) {
            List copy = []
            for (Object item in (Collection) value) {
                copy.add(plain(item))
            }
            return copy
        }
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return value
        }
        return "${value}".toString()
    }

}
