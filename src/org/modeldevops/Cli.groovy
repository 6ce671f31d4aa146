package org.modeldevops

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * Runs a verb of the command line on the agent that the step is on: the one seam between Jenkins and Python.
 *
 * Request file in, one constant script, result file and exit code out; see docs/seam.md. A missing result is an
 * infrastructure fault, never a success. Aborts pass through at once.
 */
class Cli implements Serializable {

    private static final long serialVersionUID = 1L
    /** Arguments of every step that runs one verb, with their defaults. */
    static final Map<String, Object> OWN = [unstable: false].asImmutable()
    private static final String RESOURCES = 'org/modeldevops/'
    /** What run.sh ends with where the command line has to be brought to the agent first. */
    private static final int NOT_INSTALLED = 75

    private final Object steps

    Cli(Object steps) {
        this.steps = steps
    }

    /**
     * Runs a step: its arguments are taken apart, the verb is run, and the build's result is what its exit code says.
     * Returns the result as a plain map.
     */
    Map run(String step, String verb, Map args) {
        return run(Arguments.of(step, args, OWN), verb)
    }

    /** The same, with arguments that were taken apart before. */
    Map run(Arguments arguments, String verb) {
        refuseWrong(arguments)
        Map result = attempt(arguments, verb)
        return new Verdict(steps).conclude(arguments, result)
    }

    /**
     * The same without a verdict: the result document, whatever its exit code. Publishes its reports.
     * `variables` are further ones for the command line; `files` are texts by the option that names their file.
     */
    Map attempt(Arguments arguments, String verb, List<String> variables = [], Map<String, String> files = [:]) {
        requireAgent(arguments.step)
        String folder = "${temporary()}/model-devops/${UUID.randomUUID()}".toString()
        Map result = null
        try {
            int code = execute(withFiles(arguments, folder, files), verb, folder, variables)
            result = read(arguments, verb, folder, code)
        } catch (Exception fault) {
            salvage(folder)
            throw fault
        }
        tidy(folder, result)
        return result
    }

    /** Jenkins' folder for temporary files, which lies beside the workspace also where the step runs in `dir`. */
    private String temporary() {
        return steps.env.WORKSPACE_TMP ?: steps.pwd(tmp: true)
    }

    private void tidy(String folder, Map result) {
        new Reports(steps).publish(result)
        steps.dir(folder) { steps.deleteDir() }
    }

    /**
     * After a fault or an abort: publishes what is there. Where there is no result, the command line may still be
     * cleaning up, so its files are left to it. A further fault must not hide the first.
     */
    private void salvage(String folder) {
        try {
            Map result = left(folder)
            if (result != null) {
                tidy(folder, result)
            }
        } catch (FlowInterruptedException again) {
            throw again
        } catch (Exception further) {
            steps.echo("model-devops: nothing more could be saved of this step: ${further.message}")
        }
    }

    /** Fails the step where its own arguments are wrong, with all that is wrong. */
    void refuseWrong(Arguments arguments) {
        if (!arguments.problems.isEmpty()) {
            steps.error("${arguments.step}: ${arguments.problems.join('\n  ')}\n  allowed: ${arguments.ownNames()}")
        }
    }

    private void requireAgent(String step) {
        if (!steps.env.NODE_NAME) {
            steps.error("${step}: it needs an agent: give the stage `agent any`, or put it into `node { }`")
        }
        if (!steps.isUnix()) {
            steps.error("${step}: the agent ${steps.env.NODE_NAME} runs Windows; agents with Linux or macOS are needed")
        }
    }

    private Arguments withFiles(Arguments arguments, String folder, Map<String, String> files) {
        Map named = [:]
        for (String option in new ArrayList(files.keySet())) {
            named[option] = "${folder}/${option}.json".toString()
            steps.writeFile(file: named[option], text: files[option], encoding: 'UTF-8')
        }
        return arguments.asking(arguments.request + named)
    }

    private int execute(Arguments arguments, String verb, String folder, List<String> variables) {
        Map stamp = delivered()
        steps.writeFile(file: "${folder}/request.json", text: Json.dump(arguments.request), encoding: 'UTF-8')
        steps.writeFile(file: "${folder}/agent.py", text: resource('agent.py'), encoding: 'UTF-8')
        List environment = variables + Restart.variables(steps) + [
            "MODEL_DEVOPS_CALL=${folder}".toString(),
            "MODEL_DEVOPS_VERB=${verb}".toString(),
            "MODEL_DEVOPS_CLI_VERSION=${stamp.version}".toString(),
            "MODEL_DEVOPS_CLI_KEY=${stamp.key}".toString(),
        ]
        int code = script(arguments, verb, environment)
        if (code == NOT_INSTALLED) {
            bring(folder, stamp)
            code = script(arguments, verb, environment)
        }
        return code
    }

    private int script(Arguments arguments, String verb, List environment) {
        String text = resource('run.sh')
        return (int) new Credentials(steps, arguments.credentials).around {
            steps.withEnv(environment) {
                steps.sh(label: "model-devops ${verb}", script: text, returnStatus: true)
            }
        }
    }

    /** Brings wheel and locked requirements to the agent, for agent.py to install. */
    private void bring(String folder, Map stamp) {
        String wheel = steps.libraryResource(resource: RESOURCES + 'model_devops.whl', encoding: 'Base64')
        steps.writeFile(file: "${folder}/${stamp.wheel}", text: wheel, encoding: 'Base64')
        steps.writeFile(file: "${folder}/requirements.txt", text: resource('requirements.txt'), encoding: 'UTF-8')
    }

    /** Version, key and file name of the command line that belongs to this library. */
    private Map delivered() {
        return Json.parse(resource('cli.json'))
    }

    private String resource(String name) {
        return steps.libraryResource(resource: RESOURCES + name, encoding: 'UTF-8')
    }

    private Map read(Arguments arguments, String verb, String folder, int code) {
        Map result = left(folder)
        if (result == null) {
            steps.error("${arguments.step}: `model-devops ${verb}` could not run on ${steps.env.NODE_NAME}: exit code " +
                "${code} and no result. The agent or its disk failed, or the process was killed; the log above says more.")
        }
        String wanted = delivered().version
        if (result.program != wanted) {
            steps.error("${arguments.step}: version ${result.program} of the command line answered on " +
                "${steps.env.NODE_NAME}, and this library is ${wanted}. Look at MODEL_DEVOPS_CLI there.")
        }
        if (result.exitCode != code) {
            steps.error("${arguments.step}: `model-devops ${verb}` was cut short on ${steps.env.NODE_NAME}: exit code " +
                "${code}, but its result says ${result.exitCode}. Run the step again.")
        }
        return result
    }

    /** The result document, where one was written. */
    private Map left(String folder) {
        String file = "${folder}/result.json"
        return steps.fileExists(file) ? Json.parse(steps.readFile(file: file, encoding: 'UTF-8')) : null
    }

}
