package harness

/** `env`, as a pipeline sees it: the build's values, the agent's, and those of `withEnv` around the call. */
class EnvHandle implements Serializable {

    Object getProperty(String name) {
        Controller controller = Controller.current
        Map all = controller.environment(controller.context)
        return all[name]
    }

    void setProperty(String name, Object value) {
        assert value == null || value instanceof String || value instanceof GString : "env.$name = ${value.getClass()}"
        Controller.current.build.env[name] = value == null ? null : value.toString()
    }

}

/** `currentBuild`, with what Jenkins' RunWrapper lets a sandboxed pipeline see. */
class BuildHandle implements Serializable {

    private Build build() { Controller.current.build }

    int getNumber() { build().number }
    String getResult() { build().result }
    String getCurrentResult() { build().result ?: 'SUCCESS' }
    String getDisplayName() { build().displayName ?: "#${build().number}" }
    void setDisplayName(String name) { build().displayName = name }
    String getDescription() { build().description }
    void setDescription(String text) { build().description = text }
    void setResult(String result) { build().worsen(result) }
    Object getPreviousBuild() { build().previous }
    List getBuildCauses() { build().causes }
    List getBuildCauses(String type) { build().causes.findAll { it._class == type } }

}

/** One build as the controller keeps it on disk: what a restart does not touch. */
class Build {

    private static final List ORDER = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    String job = 'team/digits'
    int number = 1
    String result
    String displayName
    String description
    Map previous
    Map parameters = [:]
    List causes = []
    Map<String, String> env = [:]
    /** What the log shows, secrets masked. */
    final StringBuilder log = new StringBuilder()
    /** Every step that ran, in order. */
    final List<StepCall> steps = []
    final List<String> archived = []
    final List<String> junit = []
    final List<Map> inputs = []
    final List<String> notes = []
    /** What `properties` set for the next build. */
    List jobProperties
    Set<String> secrets = []

    /** A build's result only gets worse. */
    void worsen(String other) {
        assert other in ORDER
        if (result == null || ORDER.indexOf(other) > ORDER.indexOf(result)) {
            result = other
        }
    }

    void say(String text) {
        String shown = text
        secrets.each { if (it) { shown = shown.replace(it, '****') } }
        log << shown << '\n'
    }

    List<StepCall> named(String name) { steps.findAll { it.name == name } }

}
