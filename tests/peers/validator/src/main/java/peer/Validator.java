package peer;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirDefaultPolicyAdvisor;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.ElementDefinition;
import org.hl7.fhir.r4.model.Enumerations.BindingStrength;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r4.model.StructureDefinition.TypeDerivationRule;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.utils.validation.IResourceValidator;
import org.hl7.fhir.r5.utils.validation.IValidatorResourceFetcher;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.r5.utils.validation.constants.ReferenceValidationPolicy;

/**
 * HL7's instance validator for R4, asked line by line. The arguments are folders of definitions. Each line of standard input is a JSON object
 * with a name and the text of a resource; each line of standard output holds the same name and what the validator said.
 */
public final class Validator {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> DEFINITIONS = Set.of("StructureDefinition", "ValueSet", "CodeSystem");
    private static final String MAXIMUM = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";

    private Validator() {}

    public static void main(String[] folders) throws IOException {
        Locale.setDefault(Locale.ENGLISH);
        FhirContext context = FhirContext.forR4();
        PrePopulatedValidationSupport packages = new PrePopulatedValidationSupport(context);
        for (String folder : folders) {
            load(Path.of(folder), context, packages);
        }
        requireMaximumSets(packages);
        keepCore(context, Path.of(System.getProperty("user.home"), ".fhir", "packages"));
        FhirValidator validator = validator(context, packages);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println("{\"ready\": true}");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(verdict(validator, JSON.readTree(line)));
        }
    }

    private static void load(Path folder, FhirContext context, PrePopulatedValidationSupport packages) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(one -> one.toString().endsWith(".json")).sorted().toList()) {
                String text = Files.readString(file);
                if (DEFINITIONS.contains(JSON.readTree(text).path("resourceType").asText())) {
                    packages.addResource(context.newJsonParser().parseResource(text));
                }
            }
        }
    }

    /**
     * The validator looks up the context of an extension in the package of R4 itself, which it expects in the cache below the home folder. The
     * same definitions come with HAPI, so they are laid out there once.
     */
    private static void keepCore(FhirContext context, Path cache) throws IOException {
        Path core = cache.resolve("hl7.fhir.r4.core#4.0.1").resolve("package");
        if (Files.exists(core.resolve("package.json"))) {
            return;
        }
        Files.createDirectories(core);
        for (IBaseResource one : new DefaultProfileValidationSupport(context).fetchAllStructureDefinitions()) {
            StructureDefinition definition = (StructureDefinition) one;
            if (definition.getDerivation() != TypeDerivationRule.CONSTRAINT) {
                String text = context.newJsonParser().encodeResourceToString(definition);
                Files.writeString(core.resolve("StructureDefinition-" + definition.getType() + ".json"), text);
            }
        }
        Files.writeString(cache.resolve("packages.ini"), "[cache]\nversion = 3\n");
        Files.writeString(
                core.resolve("package.json"),
                "{\"name\": \"hl7.fhir.r4.core\", \"version\": \"4.0.1\", \"type\": \"Core\", \"fhirVersions\": [\"4.0.1\"]}");
    }

    private static FhirValidator validator(FhirContext context, PrePopulatedValidationSupport packages) {
        ValidationSupportChain chain = new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                packages,
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context));
        // R4 binds a CodeableConcept by any one of its codings, so another system may stand beside the bound one.
        chain.setCodeableConceptValidationSuccessfulIfNotAllCodingsAreValid(true);
        FhirInstanceValidator instance = new FhirInstanceValidator(chain);
        instance.setAnyExtensionsAllowed(false);
        instance.setErrorForUnknownProfiles(true);
        instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Warning);
        instance.setAssumeValidRestReferences(true);
        instance.setValidatorPolicyAdvisor(new Targets());
        instance.setValidatorResourceFetcher(new Offline());
        return context.newValidator().registerValidatorModule(instance);
    }

    /**
     * R4 requires the maximum value set of an element beside a binding of any strength; the validator looks at it only beside an extensible
     * one. Where the set is a plain list of codes, a preferred binding is replaced by a required binding to the maximum.
     */
    private static void requireMaximumSets(PrePopulatedValidationSupport packages) {
        Map<String, ValueSet> sets = new HashMap<>();
        for (IBaseResource one : packages.fetchAllConformanceResources()) {
            if (one instanceof ValueSet set) {
                sets.put(set.getUrl(), set);
            }
        }
        for (IBaseResource one : packages.fetchAllConformanceResources()) {
            if (one instanceof StructureDefinition profile) {
                profile.getSnapshot().getElement().forEach(element -> requireMaximum(element, sets));
            }
        }
    }

    private static void requireMaximum(ElementDefinition element, Map<String, ValueSet> sets) {
        var maximum = element.getBinding().getExtensionByUrl(MAXIMUM);
        boolean preferred = element.getBinding().getStrength() == BindingStrength.PREFERRED;
        if (preferred && maximum != null && isList(maximum.getValue().primitiveValue(), sets)) {
            element.getBinding().setStrength(BindingStrength.REQUIRED).setValueSet(maximum.getValue().primitiveValue());
        }
    }

    private static boolean isList(String url, Map<String, ValueSet> sets) {
        ValueSet set = sets.get(url.split("\\|")[0]);
        return set != null
                && set.getCompose().getInclude().stream()
                        .allMatch(part -> part.hasConcept()
                                || !part.hasSystem()
                                        && part.getValueSet().stream().allMatch(inner -> isList(inner.getValue(), sets)));
    }

    private static String verdict(FhirValidator validator, JsonNode asked) throws IOException {
        ObjectNode answer = JSON.createObjectNode().put("name", asked.path("name").asText());
        ArrayNode messages = answer.putArray("messages");
        try {
            for (SingleValidationMessage one : validator.validateWithResult(asked.path("text").asText()).getMessages()) {
                add(messages, one.getSeverity().getCode(), one.getMessageId(), one.getLocationString(), one.getMessage());
            }
        } catch (RuntimeException refused) {
            // What the parser cannot read at all is reported as the worst message, and the next line is read.
            add(messages, "fatal", "unreadable", "", String.valueOf(refused.getMessage()));
        }
        return JSON.writeValueAsString(answer);
    }

    private static void add(ArrayNode messages, String severity, String id, String where, String text) {
        messages.addObject().put("severity", severity).put("id", id).put("where", where).put("text", text);
    }

    /** A target in the same Bundle is judged whole; of a target elsewhere only the type is known. */
    private static final class Targets extends FhirDefaultPolicyAdvisor {
        @Override
        public ReferenceValidationPolicy policyForReference(
                IResourceValidator asking, Object about, String path, String url, ReferenceDestinationType kind) {
            return ReferenceValidationPolicy.CHECK_TYPE_IF_EXISTS;
        }

        @Override
        public ReferenceValidationPolicy getReferencePolicy() {
            return ReferenceValidationPolicy.CHECK_VALID;
        }
    }

    /** Nothing is fetched: what the folders do not hold is unknown. */
    private static final class Offline implements IValidatorResourceFetcher {
        @Override
        public Element fetch(IResourceValidator asking, Object about, String url) {
            return null;
        }

        @Override
        public boolean resolveURL(
                IResourceValidator asking, Object about, String path, String url, String type, boolean canonical, List<CanonicalType> targets) {
            return true;
        }

        @Override
        public byte[] fetchRaw(IResourceValidator asking, String url) {
            return new byte[0];
        }

        @Override
        public IValidatorResourceFetcher setLocale(Locale locale) {
            return this;
        }

        @Override
        public CanonicalResource fetchCanonicalResource(IResourceValidator asking, Object about, String url) {
            return null;
        }

        @Override
        public boolean fetchesCanonicalResource(IResourceValidator asking, String url) {
            return false;
        }

        @Override
        public Set<ResourceVersionInformation> fetchCanonicalResourceVersions(IResourceValidator asking, Object about, String url) {
            return Set.of();
        }
    }
}
