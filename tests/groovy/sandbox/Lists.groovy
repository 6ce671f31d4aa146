package sandbox

import harness.World

/** What may be called: what the library uses, and what Jenkins allows. */
class Lists {

    static final File HERE = new File(World.LIBRARY, 'tests/groovy/sandbox')

    /** Jenkins' lists: other ones where the environment names a folder with them. */
    static File getFolder() { new File(System.getenv('MODEL_DEVOPS_JENKINS_LISTS') ?: "$HERE/lists") }

    static List<String> jenkins() {
        ['generic-whitelist', 'jenkins-whitelist'].collectMany { Gate.signatures(new File(folder, it)) }
    }

    /** What Jenkins never allows. */
    static List<String> forbidden() { Gate.signatures(new File(folder, 'blacklist')) }

    /** What this library uses: a new one is a decision, so it shows in review. */
    static List<String> used() { Gate.signatures(new File(HERE, 'signatures.txt')) }

}
