// What vars/ and src/ keep to: what Jenkins' interpreter needs, and the house's style.
ruleset {
    ruleset('rulesets/jenkins.xml')
    ruleset('rulesets/basic.xml')
    ruleset('rulesets/braces.xml')
    ruleset('rulesets/design.xml') {
        // Arguments come from people, results from JSON: their types are asked for.
        exclude 'Instanceof'
        // Null means: there is none. An empty map would be a result.
        exclude 'ReturnsNullInsteadOfEmptyCollection'
    }
    ruleset('rulesets/exceptions.xml') {
        // Whatever a step throws has to be cleaned up after, and is thrown again.
        exclude 'CatchException'
        exclude 'ReturnNullFromCatchBlock'
    }
    ruleset('rulesets/formatting.xml') {
        LineLength { length = 140 }
        SpaceAroundMapEntryColon { characterAfterColonRegex = /\s/ }
    }
    ruleset('rulesets/groovyism.xml')
    ruleset('rulesets/imports.xml')
    ruleset('rulesets/naming.xml')
    ruleset('rulesets/security.xml')
    ruleset('rulesets/size.xml') {
        ParameterCount { maxParameters = 6 }
    }
    ruleset('rulesets/unnecessary.xml') {
        // A method that returns something says so.
        exclude 'UnnecessaryReturnKeyword'
        // Texts with values in them can't be keys, nor be saved: they are made plain where they arise.
        exclude 'UnnecessaryToString'
        exclude 'UnnecessaryGetter'
    }
    ruleset('rulesets/unused.xml')
}
