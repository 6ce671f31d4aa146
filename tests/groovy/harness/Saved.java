package harness;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;

/** A program's state as bytes, and back, with the classes of the pipeline and its library. */
public final class Saved {

    private Saved() { }

    public static byte[] save(Object program) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream stream = new ObjectOutputStream(bytes)) {
            stream.writeObject(program);
        }
        return bytes.toByteArray();
    }

    public static Object load(byte[] bytes, final ClassLoader classes) throws IOException, ClassNotFoundException {
        ObjectInputStream stream = new ObjectInputStream(new ByteArrayInputStream(bytes)) {
            @Override protected Class<?> resolveClass(ObjectStreamClass description) throws IOException, ClassNotFoundException {
                try {
                    return Class.forName(description.getName(), false, classes);
                } catch (ClassNotFoundException primitive) {
                    return super.resolveClass(description);
                }
            }
        };
        return stream.readObject();
    }

}
