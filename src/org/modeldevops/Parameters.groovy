package org.modeldevops

import com.cloudbees.groovy.cps.NonCPS

/** A job's parameters as hyperparameters of a build. */
class Parameters implements Serializable {

    /** `params` is what Jenkins and its users call them; the command line's option is `param`. */
    @NonCPS
    static Map renamed(Map args) {
        if (!args.containsKey('params')) {
            return args
        }
        Map others = args.findAll { it.key != 'params' }
        return others + [param: args.params instanceof Map ? [:] + (Map) args.params : args.params]
    }

}
