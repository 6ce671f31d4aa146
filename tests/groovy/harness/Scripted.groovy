package harness

import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/**
 * Stands beside the real `sh` where hundreds of runs are to be tried: answers the seam's one script with result
 * documents that a test gives by verb, and records the requests.
 */
class Scripted {

    final Controller controller
    /** By verb: a result document, or a closure that makes it from the request; `exit` alone means: no result. */
    final Map<String, Object> results = [:]
    /** Verb and request of every call, in order. */
    final List<Map> calls = []
    boolean installed = true

    Scripted(Controller controller, Map<String, Object> results = [:]) {
        this.controller = controller
        this.results.putAll(results)
        controller.shell = this
    }

    Object run(Context context, Map args) {
        assert args.returnStatus && args.label && args.script.startsWith('#!/bin/sh')
        Map env = controller.environment(context)
        File folder = new File(env.MODEL_DEVOPS_CALL)
        if (!installed && !folder.list().any { it.endsWith('.whl') }) { return 75 }
        Map request = (Map) new JsonSlurper().parse(new File(folder, 'request.json'))
        String verb = env.MODEL_DEVOPS_VERB
        calls << [verb: verb, request: request, env: env]
        Object result = results[verb]
        if (result instanceof Closure) { result = result(request) }
        if (result instanceof Integer) { return result }
        Map document = [format: 'model-devops.result.v1', program: env.MODEL_DEVOPS_CLI_VERSION, status: 'ok', exitCode: 0, summary: verb, error: null,
            warnings: [], release: null, revision: null, reports: []] + ((Map) (result ?: [:]))
        new File(folder, 'result.json').text = JsonOutput.toJson(document)
        return document.exitCode
    }

    void git(Context context, String repository, String commit) { }

}
