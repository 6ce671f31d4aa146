import org.modeldevops.Cli

Map call(Map args = [:]) {
    return new Cli(this).run('modelTest', 'test', args)
}
