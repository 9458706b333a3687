/** Made by scripts/make-ocpp-schemas.mjs from the schemas that ocpp-rpc carries; not to be edited. */

/** By action and direction: a schema in the compact form, as JSON, because a process needs few of them. */
export const SCHEMA_TEXTS: Readonly<Record<string, string>> = {
  'Authorize.conf':
    '{"type":"object","members":{"idTagInfo":{"type":"object","members":{"expiryDate":{"type":"string","format":"date-time"},"parentIdTag":{"type":"string","maxLength":20},"status":{"type":"string","values":["Accepted","Blocked","Expired","Invalid","ConcurrentTx"]}},"required":["status"]}},"required":["idTagInfo"]}',
  'Authorize.req':
    '{"type":"object","members":{"idTag":{"type":"string","maxLength":20}},"required":["idTag"]}',
  'BootNotification.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Pending","Rejected"]},"currentTime":{"type":"string","format":"date-time"},"interval":{"type":"integer"}},"required":["status","currentTime","interval"]}',
  'BootNotification.req':
    '{"type":"object","members":{"chargePointVendor":{"type":"string","maxLength":20},"chargePointModel":{"type":"string","maxLength":20},"chargePointSerialNumber":{"type":"string","maxLength":25},"chargeBoxSerialNumber":{"type":"string","maxLength":25},"firmwareVersion":{"type":"string","maxLength":50},"iccid":{"type":"string","maxLength":20},"imsi":{"type":"string","maxLength":20},"meterType":{"type":"string","maxLength":25},"meterSerialNumber":{"type":"string","maxLength":25}},"required":["chargePointVendor","chargePointModel"]}',
  'CancelReservation.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'CancelReservation.req':
    '{"type":"object","members":{"reservationId":{"type":"integer"}},"required":["reservationId"]}',
  'CertificateSigned.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'CertificateSigned.req':
    '{"type":"object","members":{"certificateChain":{"type":"string","maxLength":10000}},"required":["certificateChain"]}',
  'ChangeAvailability.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","Scheduled"]}},"required":["status"]}',
  'ChangeAvailability.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"type":{"type":"string","values":["Inoperative","Operative"]}},"required":["connectorId","type"]}',
  'ChangeConfiguration.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","RebootRequired","NotSupported"]}},"required":["status"]}',
  'ChangeConfiguration.req':
    '{"type":"object","members":{"key":{"type":"string","maxLength":50},"value":{"type":"string","maxLength":500}},"required":["key","value"]}',
  'ClearCache.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'ClearCache.req': '{"type":"object","members":{}}',
  'ClearChargingProfile.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Unknown"]}},"required":["status"]}',
  'ClearChargingProfile.req':
    '{"type":"object","members":{"id":{"type":"integer"},"connectorId":{"type":"integer"},"chargingProfilePurpose":{"type":"string","values":["ChargePointMaxProfile","TxDefaultProfile","TxProfile"]},"stackLevel":{"type":"integer"}}}',
  'DataTransfer.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","UnknownMessageId","UnknownVendorId"]},"data":{"type":"string"}},"required":["status"]}',
  'DataTransfer.req':
    '{"type":"object","members":{"vendorId":{"type":"string","maxLength":255},"messageId":{"type":"string","maxLength":50},"data":{"type":"string"}},"required":["vendorId"]}',
  'DeleteCertificate.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Failed","NotFound"]}},"required":["status"]}',
  'DeleteCertificate.req':
    '{"type":"object","members":{"certificateHashData":{"type":"object","members":{"hashAlgorithm":{"type":"string","values":["SHA256","SHA384","SHA512"]},"issuerNameHash":{"type":"string","maxLength":128},"issuerKeyHash":{"type":"string","maxLength":128},"serialNumber":{"type":"string","maxLength":40}},"required":["hashAlgorithm","issuerNameHash","issuerKeyHash","serialNumber"]}},"required":["certificateHashData"]}',
  'DiagnosticsStatusNotification.conf': '{"type":"object","members":{}}',
  'DiagnosticsStatusNotification.req':
    '{"type":"object","members":{"status":{"type":"string","values":["Idle","Uploaded","UploadFailed","Uploading"]}},"required":["status"]}',
  'ExtendedTriggerMessage.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","NotImplemented"]}},"required":["status"]}',
  'ExtendedTriggerMessage.req':
    '{"type":"object","members":{"requestedMessage":{"type":"string","values":["BootNotification","LogStatusNotification","FirmwareStatusNotification","Heartbeat","MeterValues","SignChargePointCertificate","StatusNotification"]},"connectorId":{"type":"integer"}},"required":["requestedMessage"]}',
  'FirmwareStatusNotification.conf': '{"type":"object","members":{}}',
  'FirmwareStatusNotification.req':
    '{"type":"object","members":{"status":{"type":"string","values":["Downloaded","DownloadFailed","Downloading","Idle","InstallationFailed","Installing","Installed"]}},"required":["status"]}',
  'GetCompositeSchedule.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]},"connectorId":{"type":"integer"},"scheduleStart":{"type":"string","format":"date-time"},"chargingSchedule":{"type":"object","members":{"duration":{"type":"integer"},"startSchedule":{"type":"string","format":"date-time"},"chargingRateUnit":{"type":"string","values":["A","W"]},"chargingSchedulePeriod":{"type":"array","items":{"type":"object","members":{"startPeriod":{"type":"integer"},"limit":{"type":"number","decimals":1},"numberPhases":{"type":"integer"}},"required":["startPeriod","limit"]}},"minChargingRate":{"type":"number","decimals":1}},"required":["chargingRateUnit","chargingSchedulePeriod"]}},"required":["status"]}',
  'GetCompositeSchedule.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"duration":{"type":"integer"},"chargingRateUnit":{"type":"string","values":["A","W"]}},"required":["connectorId","duration"]}',
  'GetConfiguration.conf':
    '{"type":"object","members":{"configurationKey":{"type":"array","items":{"type":"object","members":{"key":{"type":"string","maxLength":50},"readonly":{"type":"boolean"},"value":{"type":"string","maxLength":500}},"required":["key","readonly"]}},"unknownKey":{"type":"array","items":{"type":"string","maxLength":50}}}}',
  'GetConfiguration.req':
    '{"type":"object","members":{"key":{"type":"array","items":{"type":"string","maxLength":50}}}}',
  'GetDiagnostics.conf': '{"type":"object","members":{"fileName":{"type":"string","maxLength":255}}}',
  'GetDiagnostics.req':
    '{"type":"object","members":{"location":{"type":"string","format":"uri"},"retries":{"type":"integer"},"retryInterval":{"type":"integer"},"startTime":{"type":"string","format":"date-time"},"stopTime":{"type":"string","format":"date-time"}},"required":["location"]}',
  'GetInstalledCertificateIds.conf':
    '{"type":"object","members":{"certificateHashData":{"type":"array","items":{"type":"object","members":{"hashAlgorithm":{"type":"string","values":["SHA256","SHA384","SHA512"]},"issuerNameHash":{"type":"string","maxLength":128},"issuerKeyHash":{"type":"string","maxLength":128},"serialNumber":{"type":"string","maxLength":40}},"required":["hashAlgorithm","issuerNameHash","issuerKeyHash","serialNumber"]},"minItems":1},"status":{"type":"string","values":["Accepted","NotFound"]}},"required":["status"]}',
  'GetInstalledCertificateIds.req':
    '{"type":"object","members":{"certificateType":{"type":"string","values":["CentralSystemRootCertificate","ManufacturerRootCertificate"]}},"required":["certificateType"]}',
  'GetLocalListVersion.conf':
    '{"type":"object","members":{"listVersion":{"type":"integer"}},"required":["listVersion"]}',
  'GetLocalListVersion.req': '{"type":"object","members":{}}',
  'GetLog.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","AcceptedCanceled"]},"filename":{"type":"string","maxLength":255}},"required":["status"]}',
  'GetLog.req':
    '{"type":"object","members":{"log":{"type":"object","members":{"remoteLocation":{"type":"string","maxLength":512},"oldestTimestamp":{"type":"string","format":"date-time"},"latestTimestamp":{"type":"string","format":"date-time"}},"required":["remoteLocation"]},"logType":{"type":"string","values":["DiagnosticsLog","SecurityLog"]},"requestId":{"type":"integer"},"retries":{"type":"integer"},"retryInterval":{"type":"integer"}},"required":["logType","requestId","log"]}',
  'Heartbeat.conf':
    '{"type":"object","members":{"currentTime":{"type":"string","format":"date-time"}},"required":["currentTime"]}',
  'Heartbeat.req': '{"type":"object","members":{}}',
  'InstallCertificate.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Failed","Rejected"]}},"required":["status"]}',
  'InstallCertificate.req':
    '{"type":"object","members":{"certificateType":{"type":"string","values":["CentralSystemRootCertificate","ManufacturerRootCertificate"]},"certificate":{"type":"string","maxLength":5500}},"required":["certificateType","certificate"]}',
  'LogStatusNotification.conf': '{"type":"object"}',
  'LogStatusNotification.req':
    '{"type":"object","members":{"status":{"type":"string","values":["BadMessage","Idle","NotSupportedOperation","PermissionDenied","Uploaded","UploadFailure","Uploading"]},"requestId":{"type":"integer"}},"required":["status"]}',
  'MeterValues.conf': '{"type":"object","members":{}}',
  'MeterValues.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"transactionId":{"type":"integer"},"meterValue":{"type":"array","items":{"type":"object","members":{"timestamp":{"type":"string","format":"date-time"},"sampledValue":{"type":"array","items":{"type":"object","members":{"value":{"type":"string"},"context":{"type":"string","values":["Interruption.Begin","Interruption.End","Sample.Clock","Sample.Periodic","Transaction.Begin","Transaction.End","Trigger","Other"]},"format":{"type":"string","values":["Raw","SignedData"]},"measurand":{"type":"string","values":["Energy.Active.Export.Register","Energy.Active.Import.Register","Energy.Reactive.Export.Register","Energy.Reactive.Import.Register","Energy.Active.Export.Interval","Energy.Active.Import.Interval","Energy.Reactive.Export.Interval","Energy.Reactive.Import.Interval","Power.Active.Export","Power.Active.Import","Power.Offered","Power.Reactive.Export","Power.Reactive.Import","Power.Factor","Current.Import","Current.Export","Current.Offered","Voltage","Frequency","Temperature","SoC","RPM"]},"phase":{"type":"string","values":["L1","L2","L3","N","L1-N","L2-N","L3-N","L1-L2","L2-L3","L3-L1"]},"location":{"type":"string","values":["Cable","EV","Inlet","Outlet","Body"]},"unit":{"type":"string","values":["Wh","kWh","varh","kvarh","W","kW","VA","kVA","var","kvar","A","V","K","Celcius","Celsius","Fahrenheit","Percent"]}},"required":["value"]}}},"required":["timestamp","sampledValue"]}}},"required":["connectorId","meterValue"]}',
  'RemoteStartTransaction.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'RemoteStartTransaction.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"idTag":{"type":"string","maxLength":20},"chargingProfile":{"type":"object","members":{"chargingProfileId":{"type":"integer"},"transactionId":{"type":"integer"},"stackLevel":{"type":"integer"},"chargingProfilePurpose":{"type":"string","values":["ChargePointMaxProfile","TxDefaultProfile","TxProfile"]},"chargingProfileKind":{"type":"string","values":["Absolute","Recurring","Relative"]},"recurrencyKind":{"type":"string","values":["Daily","Weekly"]},"validFrom":{"type":"string","format":"date-time"},"validTo":{"type":"string","format":"date-time"},"chargingSchedule":{"type":"object","members":{"duration":{"type":"integer"},"startSchedule":{"type":"string","format":"date-time"},"chargingRateUnit":{"type":"string","values":["A","W"]},"chargingSchedulePeriod":{"type":"array","items":{"type":"object","members":{"startPeriod":{"type":"integer"},"limit":{"type":"number","decimals":1},"numberPhases":{"type":"integer"}},"required":["startPeriod","limit"]}},"minChargingRate":{"type":"number","decimals":1}},"required":["chargingRateUnit","chargingSchedulePeriod"]}},"required":["chargingProfileId","stackLevel","chargingProfilePurpose","chargingProfileKind","chargingSchedule"]}},"required":["idTag"]}',
  'RemoteStopTransaction.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'RemoteStopTransaction.req':
    '{"type":"object","members":{"transactionId":{"type":"integer"}},"required":["transactionId"]}',
  'ReserveNow.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Faulted","Occupied","Rejected","Unavailable"]}},"required":["status"]}',
  'ReserveNow.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"expiryDate":{"type":"string","format":"date-time"},"idTag":{"type":"string","maxLength":20},"parentIdTag":{"type":"string","maxLength":20},"reservationId":{"type":"integer"}},"required":["connectorId","expiryDate","idTag","reservationId"]}',
  'Reset.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'Reset.req':
    '{"type":"object","members":{"type":{"type":"string","values":["Hard","Soft"]}},"required":["type"]}',
  'SecurityEventNotification.conf': '{"type":"object"}',
  'SecurityEventNotification.req':
    '{"type":"object","members":{"type":{"type":"string","maxLength":50},"timestamp":{"type":"string","format":"date-time"},"techInfo":{"type":"string","maxLength":255}},"required":["type","timestamp"]}',
  'SendLocalList.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Failed","NotSupported","VersionMismatch"]}},"required":["status"]}',
  'SendLocalList.req':
    '{"type":"object","members":{"listVersion":{"type":"integer"},"localAuthorizationList":{"type":"array","items":{"type":"object","members":{"idTag":{"type":"string","maxLength":20},"idTagInfo":{"type":"object","members":{"expiryDate":{"type":"string","format":"date-time"},"parentIdTag":{"type":"string","maxLength":20},"status":{"type":"string","values":["Accepted","Blocked","Expired","Invalid","ConcurrentTx"]}},"required":["status"]}},"required":["idTag"]}},"updateType":{"type":"string","values":["Differential","Full"]}},"required":["listVersion","updateType"]}',
  'SetChargingProfile.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","NotSupported"]}},"required":["status"]}',
  'SetChargingProfile.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"csChargingProfiles":{"type":"object","members":{"chargingProfileId":{"type":"integer"},"transactionId":{"type":"integer"},"stackLevel":{"type":"integer"},"chargingProfilePurpose":{"type":"string","values":["ChargePointMaxProfile","TxDefaultProfile","TxProfile"]},"chargingProfileKind":{"type":"string","values":["Absolute","Recurring","Relative"]},"recurrencyKind":{"type":"string","values":["Daily","Weekly"]},"validFrom":{"type":"string","format":"date-time"},"validTo":{"type":"string","format":"date-time"},"chargingSchedule":{"type":"object","members":{"duration":{"type":"integer"},"startSchedule":{"type":"string","format":"date-time"},"chargingRateUnit":{"type":"string","values":["A","W"]},"chargingSchedulePeriod":{"type":"array","items":{"type":"object","members":{"startPeriod":{"type":"integer"},"limit":{"type":"number","decimals":1},"numberPhases":{"type":"integer"}},"required":["startPeriod","limit"]}},"minChargingRate":{"type":"number","decimals":1}},"required":["chargingRateUnit","chargingSchedulePeriod"]}},"required":["chargingProfileId","stackLevel","chargingProfilePurpose","chargingProfileKind","chargingSchedule"]}},"required":["connectorId","csChargingProfiles"]}',
  'SignCertificate.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected"]}},"required":["status"]}',
  'SignCertificate.req':
    '{"type":"object","members":{"csr":{"type":"string","maxLength":5500}},"required":["csr"]}',
  'SignedFirmwareStatusNotification.conf': '{"type":"object"}',
  'SignedFirmwareStatusNotification.req':
    '{"type":"object","members":{"status":{"type":"string","values":["Downloaded","DownloadFailed","Downloading","DownloadScheduled","DownloadPaused","Idle","InstallationFailed","Installing","Installed","InstallRebooting","InstallScheduled","InstallVerificationFailed","InvalidSignature","SignatureVerified"]},"requestId":{"type":"integer"}},"required":["status"]}',
  'SignedUpdateFirmware.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","AcceptedCanceled","InvalidCertificate","RevokedCertificate"]}},"required":["status"]}',
  'SignedUpdateFirmware.req':
    '{"type":"object","members":{"retries":{"type":"integer"},"retryInterval":{"type":"integer"},"requestId":{"type":"integer"},"firmware":{"type":"object","members":{"location":{"type":"string","maxLength":512},"retrieveDateTime":{"type":"string","format":"date-time"},"installDateTime":{"type":"string","format":"date-time"},"signingCertificate":{"type":"string","maxLength":5500},"signature":{"type":"string","maxLength":800}},"required":["location","retrieveDateTime","signingCertificate","signature"]}},"required":["requestId","firmware"]}',
  'StartTransaction.conf':
    '{"type":"object","members":{"idTagInfo":{"type":"object","members":{"expiryDate":{"type":"string","format":"date-time"},"parentIdTag":{"type":"string","maxLength":20},"status":{"type":"string","values":["Accepted","Blocked","Expired","Invalid","ConcurrentTx"]}},"required":["status"]},"transactionId":{"type":"integer"}},"required":["idTagInfo","transactionId"]}',
  'StartTransaction.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"idTag":{"type":"string","maxLength":20},"meterStart":{"type":"integer"},"reservationId":{"type":"integer"},"timestamp":{"type":"string","format":"date-time"}},"required":["connectorId","idTag","meterStart","timestamp"]}',
  'StatusNotification.conf': '{"type":"object","members":{}}',
  'StatusNotification.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"},"errorCode":{"type":"string","values":["ConnectorLockFailure","EVCommunicationError","GroundFailure","HighTemperature","InternalError","LocalListConflict","NoError","OtherError","OverCurrentFailure","PowerMeterFailure","PowerSwitchFailure","ReaderFailure","ResetFailure","UnderVoltage","OverVoltage","WeakSignal"]},"info":{"type":"string","maxLength":50},"status":{"type":"string","values":["Available","Preparing","Charging","SuspendedEVSE","SuspendedEV","Finishing","Reserved","Unavailable","Faulted"]},"timestamp":{"type":"string","format":"date-time"},"vendorId":{"type":"string","maxLength":255},"vendorErrorCode":{"type":"string","maxLength":50}},"required":["connectorId","errorCode","status"]}',
  'StopTransaction.conf':
    '{"type":"object","members":{"idTagInfo":{"type":"object","members":{"expiryDate":{"type":"string","format":"date-time"},"parentIdTag":{"type":"string","maxLength":20},"status":{"type":"string","values":["Accepted","Blocked","Expired","Invalid","ConcurrentTx"]}},"required":["status"]}}}',
  'StopTransaction.req':
    '{"type":"object","members":{"idTag":{"type":"string","maxLength":20},"meterStop":{"type":"integer"},"timestamp":{"type":"string","format":"date-time"},"transactionId":{"type":"integer"},"reason":{"type":"string","values":["EmergencyStop","EVDisconnected","HardReset","Local","Other","PowerLoss","Reboot","Remote","SoftReset","UnlockCommand","DeAuthorized"]},"transactionData":{"type":"array","items":{"type":"object","members":{"timestamp":{"type":"string","format":"date-time"},"sampledValue":{"type":"array","items":{"type":"object","members":{"value":{"type":"string"},"context":{"type":"string","values":["Interruption.Begin","Interruption.End","Sample.Clock","Sample.Periodic","Transaction.Begin","Transaction.End","Trigger","Other"]},"format":{"type":"string","values":["Raw","SignedData"]},"measurand":{"type":"string","values":["Energy.Active.Export.Register","Energy.Active.Import.Register","Energy.Reactive.Export.Register","Energy.Reactive.Import.Register","Energy.Active.Export.Interval","Energy.Active.Import.Interval","Energy.Reactive.Export.Interval","Energy.Reactive.Import.Interval","Power.Active.Export","Power.Active.Import","Power.Offered","Power.Reactive.Export","Power.Reactive.Import","Power.Factor","Current.Import","Current.Export","Current.Offered","Voltage","Frequency","Temperature","SoC","RPM"]},"phase":{"type":"string","values":["L1","L2","L3","N","L1-N","L2-N","L3-N","L1-L2","L2-L3","L3-L1"]},"location":{"type":"string","values":["Cable","EV","Inlet","Outlet","Body"]},"unit":{"type":"string","values":["Wh","kWh","varh","kvarh","W","kW","VA","kVA","var","kvar","A","V","K","Celcius","Celsius","Fahrenheit","Percent"]}},"required":["value"]}}},"required":["timestamp","sampledValue"]}}},"required":["transactionId","timestamp","meterStop"]}',
  'TriggerMessage.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Accepted","Rejected","NotImplemented"]}},"required":["status"]}',
  'TriggerMessage.req':
    '{"type":"object","members":{"requestedMessage":{"type":"string","values":["BootNotification","DiagnosticsStatusNotification","FirmwareStatusNotification","Heartbeat","MeterValues","StatusNotification"]},"connectorId":{"type":"integer"}},"required":["requestedMessage"]}',
  'UnlockConnector.conf':
    '{"type":"object","members":{"status":{"type":"string","values":["Unlocked","UnlockFailed","NotSupported"]}},"required":["status"]}',
  'UnlockConnector.req':
    '{"type":"object","members":{"connectorId":{"type":"integer"}},"required":["connectorId"]}',
  'UpdateFirmware.conf': '{"type":"object","members":{}}',
  'UpdateFirmware.req':
    '{"type":"object","members":{"location":{"type":"string","format":"uri"},"retries":{"type":"integer"},"retrieveDate":{"type":"string","format":"date-time"},"retryInterval":{"type":"integer"}},"required":["location","retrieveDate"]}',
};
