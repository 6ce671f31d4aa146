import org.modeldevops.Cli
import org.modeldevops.Parameters

Map call(Map args = [:]) {
    return new Cli(this).run('modelBuild', 'build', Parameters.renamed(args))
}
