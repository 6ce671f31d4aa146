package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** Names that somebody may have misspelt. */
class Names implements Serializable {

    /** The name that isn't among the known ones, and which of them was probably meant, else all of them. */
    @NonCPS
    static String missing(String name, List<String> known) {
        String near = near(name, known)
        return near ? "${name}: did you mean ${near}?".toString() : "${name}: there is ${known.join(', ') ?: 'none'}".toString()
    }

    /** The nearest of the known names; null where none is near. */
    @NonCPS
    static String near(String name, List<String> known) {
        String found = null
        int least = name.length() < 4 ? 2 : 3
        for (String each in known) {
            int away = distance(name.toLowerCase(), each.toLowerCase())
            if (away < least) {
                least = away
                found = each
            }
        }
        return found
    }

    /** How many letters have to be put in, taken out or changed (Levenshtein). */
    @NonCPS
    private static int distance(String one, String other) {
        List<Integer> row = []
        for (int at = 0; at <= other.length(); at++) {
            row.add(at)
        }
        for (int from = 1; from <= one.length(); from++) {
            row = nextRow(row, one.substring(from - 1, from), other)
        }
        return row[other.length()]
    }

    @NonCPS
    private static List<Integer> nextRow(List<Integer> before, String letter, String other) {
        List<Integer> next = [before[0] + 1]
        for (int to = 1; to <= other.length(); to++) {
            int changed = before[to - 1] + (letter == other.substring(to - 1, to) ? 0 : 1)
            int moved = (before[to] < next[to - 1] ? before[to] : next[to - 1]) + 1
            next.add(changed < moved ? changed : moved)
        }
        return next
    }

}
