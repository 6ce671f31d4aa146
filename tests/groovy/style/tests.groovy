// What the tests of the library keep to: less than the library itself.
ruleset {
    ruleset('rulesets/basic.xml') {
        // `assert false` says where a test should not have come to.
        exclude 'ConstantAssertExpression'
        exclude 'EmptyMethod'
        EmptyCatchBlock { ignoreRegex = 'gone|nobody' }
    }
    ruleset('rulesets/braces.xml') {
        exclude 'IfStatementBraces'
    }
    ruleset('rulesets/formatting.xml') {
        LineLength { length = 190 }
        SpaceAroundMapEntryColon { characterAfterColonRegex = /\s/ }
    }
    ruleset('rulesets/imports.xml') {
        exclude 'NoWildcardImports'
    }
    ruleset('rulesets/unused.xml') {
        // Steps take what the controller gives to all of them.
        exclude 'UnusedMethodParameter'
    }
}
