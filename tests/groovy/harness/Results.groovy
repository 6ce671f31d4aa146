package harness

/** Result documents as the command line writes them (docs/result.schema.json), for tests of the Groovy side alone. */
class Results {

    static final String DIGEST = 'sha256:' + 'a' * 64

    /** What `verb` writes when it ends with `code`; `more` replaces fields. */
    static Map of(String verb, int code, Map more = [:]) {
        [format: 'model-devops.result.v1', program: '1.2.3', status: code ? 'failed' : 'ok', exitCode: code, summary: "$verb tiny 1.0.0".toString(),
         error: code ? [kind: 'failed', message: "$verb did not go well".toString(), problems: [], hint: 'look'] : null, warnings: [],
         release: release(), revision: null, reports: []] + more
    }

    static Map release(Map more = [:]) {
        [name: 'tiny', version: '1.0.0', digest: DIGEST, identity: DIGEST, artifacts: [:], commit: 'c', prerelease: false, reasons: []] + more
    }

}
