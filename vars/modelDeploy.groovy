import org.modeldevops.Deployment

Map call(Map args = [:]) {
    return Deployment.run(this, 'modelDeploy', 'deploy', args)
}
