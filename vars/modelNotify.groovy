import org.modeldevops.Notice

Map call(Map args = [:]) {
    return new Notice(this).send(args)
}
