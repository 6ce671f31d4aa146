import org.modeldevops.Approval

Map call(Map args = [:]) {
    return new Approval(this).run(args)
}
