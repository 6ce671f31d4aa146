package org.modeldevops

/** An agent with the sources on it, for steps that may stand where there is none. */
class Agents implements Serializable {

    private static final long serialVersionUID = 1L

    private final Object steps
    private final String label
    private final Object checkout

    /** `checkout` is a closure that fetches the sources; anything else means `checkout scm`. */
    Agents(Object steps, String label, Object checkout) {
        this.steps = steps
        this.label = label
        this.checkout = checkout
    }

    /** Runs the body on the agent that the step is on, else on one of its own for as long as the body takes. */
    Object with(Closure body) {
        if (held()) {
            return body()
        }
        return steps.node(label) {
            if (checkout instanceof Closure) {
                checkout.call()
            } else {
                steps.checkout(steps.scm)
            }
            body()
        }
    }

    /** Whether the step is on an agent already. */
    boolean held() {
        return steps.env.NODE_NAME ? true : false
    }

}
