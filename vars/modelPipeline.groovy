import org.modeldevops.Flow

Map call(Map args = [:]) {
    return new Flow(this, args).run()
}
