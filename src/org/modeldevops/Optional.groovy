package org.modeldevops

/** Steps of plugins that not every controller has. */
class Optional implements Serializable {

    /** Uses a step that makes a build nicer; where its plugin is missing it says so and goes on. */
    static void use(Object steps, String step, String plugin, Closure body) {
        try {
            body()
        } catch (NoSuchMethodError missing) {
            requireThat(missing, step)
            steps.echo("model-devops: the plugin ${plugin} is not installed, so `${step}` was left out")
        }
    }

    /** Uses a step that was asked for by an argument; where its plugin is missing the build fails and says which. */
    static Object need(Object steps, String argument, String step, String plugin, Closure body) {
        try {
            return body()
        } catch (NoSuchMethodError missing) {
            requireThat(missing, step)
            steps.error("${argument} needs the plugin ${plugin}, which this controller does not have")
        }
    }

    /** A fault of somebody else's code inside the body is not a missing plugin. */
    private static void requireThat(NoSuchMethodError missing, String step) {
        if (!"${missing.message}".contains("'${step}'")) {
            throw missing
        }
    }

}
