package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** Binds the credentials that a step names by ID, for as long as the command line runs and no longer. */
class Credentials implements Serializable {

    private static final long serialVersionUID = 1L

    /**
     * The one table: argument of a step → kind of credential and the variables it is bound to. The command line
     * reads these variables and gives none of them to the team's own commands.
     */
    static final Map<String, Map<String, Object>> TABLE = [
        gitCredentials: [
            bind: 'usernamePassword',
            usernameVariable: 'MODEL_DEVOPS_GIT_USER', passwordVariable: 'MODEL_DEVOPS_GIT_PASSWORD',
        ],
        gitSshKey: [bind: 'sshUserPrivateKey', keyFileVariable: 'MODEL_DEVOPS_GIT_SSH_KEY', usernameVariable: 'MODEL_DEVOPS_GIT_SSH_USER'],
        kubeconfig: [bind: 'file', variable: 'KUBECONFIG'],
        registryCredentials: [
            bind: 'usernamePassword',
            usernameVariable: 'MODEL_DEVOPS_REGISTRY_USER', passwordVariable: 'MODEL_DEVOPS_REGISTRY_PASSWORD',
        ],
        signingKey: [bind: 'file', variable: 'MODEL_DEVOPS_SIGNING_KEY'],
        signingKeyPassword: [bind: 'string', variable: 'MODEL_DEVOPS_SIGNING_PASSWORD'],
        webhook: [bind: 'string', variable: 'MODEL_DEVOPS_WEBHOOK_URL'],
        webhookSecret: [bind: 'string', variable: 'MODEL_DEVOPS_WEBHOOK_SECRET'],
        smtpCredentials: [
            bind: 'usernamePassword',
            usernameVariable: 'MODEL_DEVOPS_SMTP_USER', passwordVariable: 'MODEL_DEVOPS_SMTP_PASSWORD',
        ],
    ].asImmutable()

    private final Object steps
    private final Map<String, String> ids

    /** `ids` maps arguments of the table to credential IDs. */
    Credentials(Object steps, Map<String, String> ids) {
        this.steps = steps
        this.ids = ids
    }

    /** Runs the body with all of them bound. */
    Object around(Closure body) {
        if (ids.isEmpty()) {
            return body()
        }
        List bindings = []
        for (String argument in new ArrayList(ids.keySet())) {
            bindings.add(binding(TABLE[argument], ids[argument]))
        }
        return steps.withCredentials(bindings, body)
    }

    private Object binding(Map row, String id) {
        Map variables = variables(row) + [credentialsId: id]
        switch (row.bind) {
            case 'usernamePassword': return steps.usernamePassword(variables)
            case 'sshUserPrivateKey': return steps.sshUserPrivateKey(variables)
            case 'file': return steps.file(variables)
            default: return steps.string(variables)
        }
    }

    @NonCPS
    private static Map variables(Map row) {
        return row.findAll { it.key != 'bind' }
    }

}
