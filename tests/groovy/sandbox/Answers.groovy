package sandbox

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import harness.Results
import harness.World

/** What the command line answers, where a test is about the Groovy side alone: real `sh`, prepared results. */
class Answers {

    final File answers
    private final Map<String, Integer> counts = [:].withDefault { 0 }

    Answers(World world, String name = 'answers') {
        answers = new File(world.root, name)
        new File(answers, 'asked').mkdirs()
        world.agents.each { it.env.ANSWERS = answers.path }
    }

    static File getResources() { new File(World.LIBRARY, 'tests/groovy/scripted') }

    /** The next answer of a verb; `more` replaces fields of its result, null for `more` leaves no result. */
    void answer(String verb, int code, Map more = [:], Map<String, String> files = [:]) {
        File folder = new File(answers, String.format('%s.%03d', verb.replace(' ', '-'), ++counts[verb]))
        folder.mkdirs()
        new File(folder, 'code').text = "$code"
        if (more != null) { new File(folder, 'result.json').text = JsonOutput.toJson(Results.of(verb, code, more)) }
        files.each { name, text ->
            File file = new File(folder, "reports/$name")
            file.parentFile.mkdirs()
            file.text = text
        }
    }

    /** The requests so far: verb and content, in order. */
    List<Map> asked() {
        new File(answers, 'asked').listFiles().sort { it.name.takeWhile { c -> c != '-' }.toInteger() }.collect { folder ->
            [verb: folder.name.replaceFirst(/\d+-/, ''), request: new JsonSlurper().parse(new File(folder, 'request.json')), folder: folder]
        }
    }

}
