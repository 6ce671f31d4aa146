package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** What only Jenkins knows of the build that this one was restarted from (rule B9). */
class Restart implements Serializable {

    private static final String CAUSE = 'org.jenkinsci.plugins.pipeline.modeldefinition.causes.RestartDeclarativePipelineCause'

    /** The variable that tells the command line; none where the build was not restarted from a stage. */
    static List<String> variables(Object steps) {
        Integer number = origin(steps.currentBuild.getBuildCauses())
        if (number == null) {
            return []
        }
        String job = steps.env.JOB_URL
        String url = job ? "${job}${number}/" : "jenkins:${steps.env.JOB_NAME}#${number}"
        return ["MODEL_DEVOPS_RESTARTED_FROM=${url}".toString()]
    }

    /**
     * The number of the original build. Jenkins publishes it only in the cause's words, where it comes after `#`
     * and with the thousands grouped as the controller's language does.
     */
    @NonCPS
    private static Integer origin(List causes) {
        for (Object cause in causes) {
            if (cause['_class'] == CAUSE) {
                def found = "${cause['shortDescription']}".toString() =~ /#(\d+(?:\D\d{3})*)/
                return found.find() ? found.group(1).replaceAll(/\D/, '').toInteger() : null
            }
        }
        return null
    }

}
