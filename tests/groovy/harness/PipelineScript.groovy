package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.SerializableScript
import org.codehaus.groovy.runtime.InvokerHelper

/** Base of pipelines and of scripts in vars/: finds a call as Jenkins' CpsScript does. */
abstract class PipelineScript extends SerializableScript {

    Object invokeMethod(String name, Object args) {
        Controller controller = Controller.current
        Object global = controller.global(name)
        if (global != null) {
            return InvokerHelper.getMetaClass(global).invokeMethod(global, 'call', args)
        }
        if (name in Steps.SYMBOLS) {
            return Steps.symbol(name, args as List)
        }
        if (!controller.has(name)) {
            throw new NoSuchMethodError("No such DSL method '${name}' found among steps ${controller.known()}".toString())
        }
        Continuable.suspend(new StepCall(name: name, args: args as List))
    }

    Object getProperty(String name) {
        switch (name) {
            case 'steps': return this
            case 'env': return new EnvHandle()
            case 'currentBuild': return new BuildHandle()
            case 'params': return Controller.current.build.parameters
            case ['any', 'none']: return name
            case 'scm': return Controller.current.scm()
        }
        if (getBinding().hasVariable(name)) {
            return getBinding().getVariable(name)
        }
        Object value = new EnvHandle().getProperty(name)
        if (value == null) {
            throw new MissingPropertyException(name, getClass())
        }
        return value
    }

    void setProperty(String name, Object value) {
        Controller controller = Controller.current
        if (controller.context.blocks && controller.context.blocks[-1] == 'environment') {
            controller.program.fibers[controller.active.parent].context.variables[name] = "${value}".toString()
            return
        }
        super.setProperty(name, value)
    }

}
