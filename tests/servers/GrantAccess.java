import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Grants a user operations on a topic, or takes them back:
 *      java -cp 'KAFKA_JARS/*' GrantAccess.java BROKERS grant|refuse USER TOPIC OPERATION...
 *  Or on all groups or transactional ids with a prefix: group:PREFIX or transactional_id:PREFIX in the place of TOPIC.
 */
final class GrantAccess {
    public static void main(String[] arguments) throws Exception {
        String brokers = arguments[0], user = arguments[2], topic = arguments[3];
        boolean isGrant = switch (arguments[1]) {
            case "grant" -> true;
            case "refuse" -> false;
            default -> throw new IllegalArgumentException(arguments[1] + " is neither grant nor refuse");
        };
        String[] kindAndPrefix = topic.split(":", 2);
        ResourcePattern pattern = kindAndPrefix.length == 1
            ? new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL)
            : new ResourcePattern(ResourceType.fromString(kindAndPrefix[0]), kindAndPrefix[1], PatternType.PREFIXED);
        List<AclBinding> rules = Arrays.stream(arguments).skip(4).map(AclOperation::fromString).map(operation ->
            new AclBinding(pattern, new AccessControlEntry("User:" + user, "*", operation, AclPermissionType.ALLOW))
        ).toList();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            if (isGrant) {
                admin.createAcls(rules).all().get();
            } else {
                admin.deleteAcls(rules.stream().map(AclBinding::toFilter).toList()).all().get();
            }
        }
    }
}
