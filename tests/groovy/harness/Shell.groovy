package harness

import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** Runs scripts as Jenkins' durable-task plugin does: a file with its interpreter, a cookie to end its processes by. */
class Shell {

    private static final long DEADLINE = 600_000
    /** Milliseconds that Jenkins waits for a process that it has told to end. */
    private static final long GRACE = 10_000

    private final Controller controller

    Shell(Controller controller) { this.controller = controller }

    Object run(Context context, Map args) {
        String script = args.script ?: args.value
        assert script instanceof String : 'sh takes a constant'
        File control = new File("${context.workspace}@tmp/durable-${UUID.randomUUID()}")
        control.mkdirs()
        File file = new File(control, 'script.sh')
        file.text = script.startsWith('#!') ? script : "#!/bin/sh -xe\n${script}"
        file.executable = true
        File log = new File(control, 'jenkins-log.txt')
        controller.build.say("[sh] ${args.label ?: script.trim()}")
        int code = wait(start(context, file, log), log, control.name)
        controller.build.say(log.getText('UTF-8'))
        String output = args.returnStdout ? log.text : null
        control.deleteDir()
        if (args.returnStatus) { return code }
        if (code != 0) { throw new AbortException("script returned exit code ${code}") }
        return output
    }

    private Process start(Context context, File file, File log) {
        ProcessBuilder builder = new ProcessBuilder(file.path).directory(new File(context.folder))
        builder.environment().clear()
        builder.environment().putAll(controller.environment(context))
        builder.environment().putAll([JENKINS_SERVER_COOKIE: file.parentFile.name, PWD: context.folder])
        return builder.redirectErrorStream(true).redirectOutput(log).redirectInput(new File('/dev/null')).start()
    }

    private int wait(Process process, File log, String cookie) {
        long end = System.currentTimeMillis() + DEADLINE
        while (process.alive) {
            assert System.currentTimeMillis() < end : "sh hangs: ${log.text}"
            if (controller.abortWhen && controller.abortWhen(log.getText('UTF-8'))) {
                controller.abortWhen = null
                abort(process, cookie)
            }
            process.waitFor(20, java.util.concurrent.TimeUnit.MILLISECONDS)
        }
        return process.exitValue()
    }

    /** Jenkins' way: SIGTERM to whatever carries the cookie, ten seconds, and on. */
    private void abort(Process process, String cookie) {
        new File('/proc').listFiles().findAll { it.name.isInteger() }.each { folder ->
            try {
                if (new File(folder, 'environ').getText('ISO-8859-1').contains("JENKINS_SERVER_COOKIE=${cookie}")) {
                    ['kill', '-TERM', folder.name].execute().waitFor()
                }
            } catch (IOException gone) { }
        }
        process.waitFor(GRACE, java.util.concurrent.TimeUnit.MILLISECONDS)
        throw new FlowInterruptedException('Aborted by alice')
    }

    /** `checkout scm`: the build's commit, detached, in a workspace that may hold an older one. */
    void git(Context context, String repository, String commit) {
        File folder = new File(context.folder)
        List words = new File(folder, '.git').exists() ? [] : [['git', 'clone', '--quiet', repository, '.']]
        words += [['git', 'fetch', '--quiet', 'origin'], ['git', 'checkout', '--quiet', '--force', '--detach', commit ?: 'origin/HEAD']]
        words.each { List command ->
            Process process = new ProcessBuilder(command).directory(folder).redirectErrorStream(true).start()
            String text = process.text
            if (process.waitFor() != 0) { throw new AbortException("git failed: ${command}: ${text}") }
        }
    }

}

/** The Credentials Binding plugin: IDs to variables, files that are removed, values that are masked. */
class Secrets {

    private final Controller controller

    Secrets(Controller controller) { this.controller = controller }

    Map bind(Context context, Map binding) {
        Map known = controller.credentials[binding.credentialsId]
        if (!known) { throw new AbortException("Could not find credentials entry with ID '${binding.credentialsId}'") }
        if (known.kind != binding.symbol) {
            throw new AbortException("Credentials '${binding.credentialsId}' is of type '${known.kind}' where '${binding.symbol}' was expected")
        }
        controller.build.secrets.addAll([known.password, known.text, known.key].findAll { it })
        switch (known.kind) {
            case 'string': return [(binding.variable): known.text]
            case 'usernamePassword': return [(binding.usernameVariable): known.user, (binding.passwordVariable): known.password]
            case 'file': return [(binding.variable): kept(context, known.text)]
            case 'sshUserPrivateKey': return [(binding.keyFileVariable): kept(context, known.key), (binding.usernameVariable): known.user]
        }
        return [:]
    }

    private static String kept(Context context, String text) {
        File file = new File("${context.workspace}@tmp/secretFiles/${UUID.randomUUID()}/secret")
        file.parentFile.mkdirs()
        file.text = text
        return file.path
    }

}
