package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** Turns a result document into what Jenkins shows: name, description, environment values, and the build's result. */
class Verdict implements Serializable {

    private static final long serialVersionUID = 1L
    private static final int FAILED = 3
    private static final int REFUSED = 4
    private static final List<Integer> INTERRUPTED = [130, 143]
    /** Bytes of the failure that are kept for a notification: environment values are no place for more. */
    private static final int LONGEST = 4000

    private final Object steps

    Verdict(Object steps) {
        this.steps = steps
    }

    /** Shows the result, and fails the build in the way that its exit code says. Returns what the step returns. */
    Map conclude(Arguments arguments, Map result) {
        show(result)
        int code = (int) result.exitCode
        if (code == 0) {
            return returned(result)
        }
        steps.env.MODEL_FAILURE = failure(result + [stage: steps.env.STAGE_NAME])
        String message = message(arguments, result)
        if (code == FAILED && arguments.own.unstable) {
            steps.unstable(message)
            return returned(result)
        }
        if (INTERRUPTED.contains(code)) {
            steps.currentBuild.result = 'ABORTED'
        } else if (code == REFUSED && result.error?.kind == 'superseded') {
            steps.currentBuild.result = 'NOT_BUILT'
        }
        steps.error(message)
    }

    /** Fails the build because a person rejected the release: the verdict is recorded, and it is no fault of the step. */
    void reject(Arguments arguments, Map result, String words) {
        Map rejected = result + [status: 'refused', exitCode: REFUSED, error: [
            kind: 'rejected', message: "${result.release.name} ${result.release.version} was rejected by ${words}".toString(),
            problems: [], hint: 'build a new version that does better',
        ]]
        steps.env.MODEL_FAILURE = failure(rejected + [stage: steps.env.STAGE_NAME])
        steps.error(message(arguments, rejected))
    }

    private void show(Map result) {
        for (Map.Entry value in new ArrayList(values(result).entrySet())) {
            steps.env.setProperty(value.key, value.value)
        }
        Object build = steps.currentBuild
        if (result.release) {
            String title = "${result.release.name} ${result.release.version}"
            String plain = "#${build.number}"
            String shown = build.displayName ?: plain
            if (!shown.contains(title)) {
                build.displayName = shown == plain ? "${plain} ${title}".toString() : "${shown}, ${title}".toString()
            }
        }
        String line = result.summary
        if (line && !(build.description ?: '').contains(line)) {
            build.description = build.description ? "${build.description}\n${line}".toString() : line
        }
    }

    /** The documented environment values: of the last step, and again under the model's own name. */
    @NonCPS
    private static Map<String, String> values(Map result) {
        Map found = [MODEL_STATUS: result.status, MODEL_SUMMARY: result.summary, MODEL_ENVIRONMENT: result.environment]
        if (result.release) {
            found += [
                MODEL_NAME: result.release.name, MODEL_VERSION: result.release.version,
                MODEL_RELEASE: result.release.digest, MODEL_PRERELEASE: result.release.prerelease,
                MODEL_IMAGE: result.release.image?.reference,
            ]
            String own = "${result.release.name}".toString().toUpperCase().replaceAll(/[^A-Z0-9]/, '_')
            found += [
                ("MODEL_${own}_VERSION".toString()): result.release.version,
                ("MODEL_${own}_RELEASE".toString()): result.release.digest,
            ]
        }
        if (result.revision) {
            found.MODEL_REVISION = result.revision.number
        }
        if (result.containsKey('new')) {
            found.MODEL_NEW = result['new']
        }
        return found.findAll { it.value != null }.collectEntries { [(it.key): "${it.value}".toString()] }
    }

    /** What the step returns: the document, with the most asked-for fields at its top. */
    @NonCPS
    private static Map returned(Map result) {
        Map top = [version: result.release?.version, digest: result.release?.digest, name: result.release?.name]
        return top.findAll { it.value != null } + result
    }

    @NonCPS
    private static String message(Arguments arguments, Map result) {
        Map error = (Map) (result.error ?: [:])
        List lines = ["${arguments.step}: ${result.status}: ${error.message}"]
        for (Object problem in (List) (error.problems ?: [])) {
            List place = [problem['file'], problem['line'], problem['column']].findAll { it != null }
            lines.add('  ' + (place ? place.join(':') + ': ' : '') + problem['message'])
            if (problem['allowed']) {
                lines.add('      allowed: ' + ((List) problem['allowed']).join(', '))
            }
            if (problem['hint']) {
                lines.add('      ' + problem['hint'])
            }
        }
        if (error.hint) {
            lines.add('  next: ' + error.hint)
        }
        if ("${error.message}".contains('in the request')) {
            lines.add("  arguments of the step itself: ${arguments.ownNames()}")
        }
        return lines.join('\n')
    }

    /** The failure as a short document, for modelNotify: also on another agent, and after a restart. */
    @NonCPS
    private static String failure(Map result) {
        Map error = (Map) (result.error ?: [:])
        List problems = (List) (error.problems ?: [])
        Map kept = [format: result.format, stage: result.stage, status: result.status, exitCode: result.exitCode, summary: result.summary,
                    release: result.release, error: error + [problems: problems.take(10)]]
        String text = Json.dump(kept)
        return text.length() <= LONGEST ? text : Json.dump(kept + [release: null, error: [
            kind: error.kind, message: "${error.message}".take(1000), problems: [], hint: "${error.hint ?: ''}".take(500),
        ]])
    }

}
