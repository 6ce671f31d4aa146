import harness.World
import org.junit.After
import org.junit.Before
import org.junit.Test

/** From vars/ to the real command line and back, on agents that have only what the library brings. */
class StoryTest {

    World world

    @Before void begin() { world = new World() }

    @After void end() { world.close() }

    @Test void build_test_deploy() {
        Map found = world.run('''
            Map built, tested, deployed
            node {
                checkout scm
                built = modelBuild()
                tested = modelTest()
                deployed = modelDeploy(environment: 'test')
            }
            [built: built, tested: tested, deployed: deployed]
        ''')
        println world.last.log
        assert found.built.version == '1.0.0'
        assert found.tested.digest == found.built.digest
        assert found.deployed.revision.status == 'verified'
        assert World.ask(world.testPort).version == '1.0.0'
        assert world.last.displayName == '#1 tiny 1.0.0'
    }

}
