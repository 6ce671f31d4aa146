package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.Outcome

/** A step that a fiber has called and waits for. */
class StepCall implements Serializable {

    String name
    List args

    /** The arguments by name; a single unnamed one is under `value`. The body, if any, is left out. */
    Map named() {
        List plain = args.findAll { !(it instanceof Closure) }
        if (plain.size() == 1 && plain[0] instanceof Map) {
            return (Map) plain[0]
        }
        Map found = plain.find { it instanceof Map } ?: [:]
        List values = plain.findAll { !(it instanceof Map) }
        return values ? found + [value: values[0], values: values] : found
    }

    Closure body() { (Closure) args.find { it instanceof Closure } }

    String toString() {
        List words = named().findAll { !(it.value instanceof Closure) }.collect { k, v -> k + ': ' + String.valueOf(v).take(80) }
        return name + '(' + words.join(', ') + ')'
    }

}

/** Where a fiber stands: agent, folder, variables, secrets. Each block step makes a new one for its body. */
class Context implements Serializable {

    String agent
    String workspace
    String folder
    Map<String, String> variables = [:]
    List<String> stages = []
    List<String> blocks = []
    Map declarative

    Context with(Map changes) {
        Context copy = new Context(agent: agent, workspace: workspace, folder: folder, variables: [:] + variables,
            stages: [] + stages, blocks: [] + blocks, declarative: declarative)
        changes.each { k, v -> copy."$k" = v }
        return copy
    }

}

/** One line of execution: the pipeline's own, a block's body, a branch of `parallel`. */
class Fiber implements Serializable {

    int id
    int parent
    String branch
    Continuable code
    Outcome next = new Outcome(null, null)
    Context context
    StepCall waiting
    /** The block step that this fiber waits for, and what its bodies came to. */
    Map block

}

/** The whole state that Jenkins saves at every step. */
class Program implements Serializable {

    Map<Integer, Fiber> fibers = new LinkedHashMap()
    /** The scripts of vars/, one for each build. */
    Map<String, Object> globals = [:]
    int counter = 0

    Fiber add(Continuable code, Context context, int parent = 0) {
        Fiber fiber = new Fiber(id: ++counter, code: code, context: context, parent: parent)
        fibers[fiber.id] = fiber
        return fiber
    }

}
